"""Training of the session encoders: the next track at every place, by sampled softmax."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Interactions
from crossfade.retrieval.optimizer import RowwiseAdam
from crossfade.retrieval.session_encoders import LAYERS, SessionLayer
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.model_settings import SessionModelSettings

Batch = tuple[Rows, Floats, Rows]
Trained = tuple[Floats, dict[str, Floats]]


def train(name: str, dataset: Dataset, settings: SessionModelSettings, seed: int) -> Trained:
    """Train an encoder on all sessions of the dataset.

    The loss is the softmax over the distinct targets of a batch and as many uniform draws as `negatives`, both
    with logQ correction (Bengio and Senécal 2008).

    Returns:
        Track vectors [num_tracks, dim] float32 of length 1, and the encoder's weights by name.

    Raises:
        TrainingError: No session holds two listens, or a loss is not finite (names epoch and step).
    """
    catalogue = dataset.catalogue
    rows, skips, targets = sequences(dataset.interactions, settings.length)
    if not (targets >= 0).any():
        raise TrainingError(
            f"A session model needs sessions of two listens or more, and found none among "
            f"{len(dataset.interactions)} interactions."
        )
    tf.keras.utils.set_random_seed(seed)
    layer: SessionLayer = LAYERS[name](
        catalogue.artist_rows, len(catalogue.artists), dim=settings.dim, length=settings.length, seed=seed
    )
    optimizer = RowwiseAdam(settings.learning_rate, layer.trainable_variables)
    step = _step_of(layer, optimizer, _shares(targets, len(catalogue)), settings)
    random = np.random.default_rng(seed)
    for epoch in range(1, settings.epochs + 1):
        for number, batch in enumerate(_batches((rows, skips, targets), settings.batch_size, random), 1):
            negatives = random.integers(0, len(catalogue), settings.negatives).astype(np.int32)
            loss = float(step(*map(tf.constant, batch), tf.constant(negatives)))
            if not math.isfinite(loss):
                raise TrainingError(
                    f"The loss of {name} is {loss} in epoch {epoch}, step {number}; lower "
                    "session_model.learning_rate."
                )
    weights = {name: getattr(layer, name).numpy() for name in layer.served}
    return layer.track_vectors(np.arange(len(catalogue), dtype=np.int32)).numpy(), weights


def sequences(acts: Interactions, length: int) -> Batch:
    """Cut sessions into stretches, newest last.

    Args:
        acts: Sorted by user, then time.
        length: Entries of a stretch; a longer session becomes several.

    Returns:
        Tracks [n, length] int32, padded with -1 in front; 1 where skipped early [n, length] float32; and the track
        that was wanted next [n, length] int32, -1 where the next one was not wanted or there is none.
    """
    begins = np.flatnonzero(np.diff(acts.sessions, prepend=np.int32(NO_ROW)) != 0)
    sizes = np.diff(np.append(begins, len(acts)))
    stretches = np.maximum(sizes - 2, 0) // length + 1
    owners = np.repeat(np.arange(len(begins)), stretches)
    nth = np.arange(len(owners)) - np.repeat(np.cumsum(stretches) - stretches, stretches)
    stops = np.minimum(begins[owners] + (nth + 1) * length, begins[owners] + sizes[owners] - 1)
    places = stops[:, None] - np.arange(length, 0, -1)
    filled = places >= (begins[owners] + nth * length)[:, None]
    safe = np.where(filled, places, 0)
    nexts = np.where(filled & acts.positive[np.minimum(safe + 1, len(acts) - 1)], safe + 1, 0)
    rows = np.where(filled, acts.track_rows[safe], NO_ROW).astype(np.int32)
    skips = (filled & (acts.strengths[safe] < 0)).astype(np.float32)
    targets = np.where(nexts > 0, acts.track_rows[nexts], NO_ROW).astype(np.int32)
    useful = (targets >= 0).any(axis=1)
    return rows[useful], skips[useful], targets[useful]


def _shares(targets: Rows, num_tracks: int) -> Floats:
    """Return how often each track is a target, [num_tracks]."""
    return np.bincount(targets[targets >= 0], minlength=num_tracks).astype(np.float32)


def _batches(parts: Batch, size: int, random: np.random.Generator) -> Iterator[Batch]:
    order = random.permutation(len(parts[0]))
    for start in range(0, len(order), size):
        chosen: npt.NDArray[np.int64] = order[start : start + size]
        yield parts[0][chosen], parts[1][chosen], parts[2][chosen]


def _step_of(layer: SessionLayer, optimizer: Any, counts: Floats, settings: SessionModelSettings) -> Any:
    """Return the compiled step: (rows, skips, targets, negatives) -> loss."""
    popularity = tf.constant(counts)
    share = settings.negatives / len(counts)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(rows: Any, skips: Any, targets: Any, negatives: Any) -> Any:
        with tf.GradientTape() as tape:
            taught = targets >= 0
            vectors = tf.boolean_mask(layer(rows, skips, rate=settings.dropout), taught)
            wanted = tf.boolean_mask(targets, taught)
            offered, places = tf.unique(tf.concat([wanted, negatives], axis=0))
            logits = tf.matmul(vectors, layer.track_vectors(offered), transpose_b=True) / settings.temperature
            # A track is offered because it is wanted in the batch, or because it was drawn.
            in_batch = tf.gather(popularity, offered) / tf.reduce_sum(popularity)
            chance = in_batch * tf.cast(tf.size(wanted), tf.float32) + share
            logits -= tf.math.log(tf.minimum(chance, 1.0))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(places[: tf.size(wanted)], logits)
            loss = tf.reduce_mean(losses)
        weights = layer.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    return step
