"""Training of DeepFM in Keras: a softmax over the candidates of each query, added to the prior of the sources."""

import logging
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.ranking.deepfm_network import WEIGHTS, Bins, score
from crossfade.ranking.groups import Groups
from crossfade.ranking.prior import prior_of
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.schema.errors import TrainingError
from crossfade.schema.model_settings import DeepFmSettings
from crossfade.schema.tasks import Task

SCALE: Final = 0.01  # of initial embeddings: the score starts as the prior
PADDED: Final = -1e9

logger = logging.getLogger(__name__)


def train(
    groups: Groups,
    watched: Groups | None,
    bins: Bins,
    settings: DeepFmSettings,
    *,
    task: Task,
    seed: int,
    epochs: int,
) -> tuple[dict[str, Floats], int]:
    """Fit the weights.

    Args:
        groups: Of which each has something wanted.
        watched: Groups of other users whose NDCG chooses the epoch; None trains all epochs.
        bins: Of the features.
        settings: Shape and training.
        task: What is ranked for.
        seed: Of initial weights and of the order of examples.
        epochs: Most passes.

    Returns:
        Weights by the names in `WEIGHTS`, and the number of epochs behind them.

    Raises:
        TrainingError: The loss is not finite; names epoch and step.
    """
    batches = _Batches(groups, bins, task, settings.batch_queries)
    network = _Network(groups.features.shape[1], bins.per_feature, settings, seed)
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate, jit_compile=False)
    optimizer.build(list(network.variables.values()))
    step = _step(network, optimizer)
    best, best_ndcg, best_epoch = network.weights(), -1.0, 0
    random = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        for number, batch in enumerate(batches.shuffled(random), 1):
            loss = float(step(*batch))
            if not np.isfinite(loss):
                raise TrainingError(
                    f"The DeepFM loss is {loss} at epoch {epoch}, step {number}; it must be finite. Lower "
                    f"deepfm.learning_rate, now {settings.learning_rate}."
                )
        if watched is None:
            best, best_epoch = network.weights(), epoch
            continue
        ndcg = watched.ndcg(_scores(network.weights(), watched, bins, task))
        logger.info("DeepFM epoch %d of %d: NDCG@30 of held-out users %.4f.", epoch, epochs, ndcg)
        if ndcg > best_ndcg:
            best, best_ndcg, best_epoch = network.weights(), ndcg, epoch
        elif epoch - best_epoch >= settings.patience:
            break
    return best, best_epoch


def _scores(weights: dict[str, Floats], groups: Groups, bins: Bins, task: Task) -> Floats:
    prior = prior_of(groups.features, task)
    return np.asarray(prior + score(weights, bins.rows(groups.features)), np.float32)


class _Batches:
    """Groups padded to one width, so that a softmax runs over each."""

    def __init__(self, groups: Groups, bins: Bins, task: Task, batch_queries: int) -> None:
        self.batch_queries, self.sizes = batch_queries, groups.group_sizes
        self.firsts = np.cumsum(groups.group_sizes) - groups.group_sizes
        self.rows = bins.rows(groups.features)
        self.prior = prior_of(groups.features, task)
        self.gains = groups.gains.astype(np.float32)

    def shuffled(self, random: np.random.Generator) -> Any:
        """Yield, batch after batch in random order: rows [b, w, f], prior, gains and mask [b, w]."""
        width = int(self.sizes.max())
        order = random.permutation(len(self.sizes))
        for start in range(0, len(order), self.batch_queries):
            chosen = order[start : start + self.batch_queries]
            is_track = np.arange(width) < self.sizes[chosen, None]
            places = np.where(is_track, self.firsts[chosen, None] + np.arange(width), 0)
            gains = np.where(is_track, self.gains[places], 0).astype(np.float32)
            yield self.rows[places], self.prior[places], gains, is_track


class _Network:
    """The weights of DeepFM as variables, and its formula; `deepfm_network.score` is the same in NumPy."""

    def __init__(self, num_features: int, per_feature: int, settings: DeepFmSettings, seed: int) -> None:
        self.dropout, self.seed = settings.dropout, seed
        random = np.random.default_rng(seed)
        rows, wide = num_features * per_feature, num_features * settings.dim
        first, second = settings.layers
        starts = {
            "linear": np.zeros(rows),
            "vectors": random.normal(0, SCALE, (rows, settings.dim)),
            "hidden_0": random.normal(0, np.sqrt(2 / wide), (wide, first)),
            "bias_0": np.zeros(first),
            "hidden_1": random.normal(0, np.sqrt(2 / first), (first, second)),
            "bias_1": np.zeros(second),
            "output": np.zeros(second),
        }
        self.variables = {name: tf.Variable(starts[name].astype(np.float32), name=name) for name in WEIGHTS}

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the weights by name."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def __call__(self, rows: Any, number: Any) -> Any:
        """Return scores [n] of rows [n, num_features] while training; `number` of the step seeds the dropout."""
        kept = self.variables
        vectors = tf.gather(kept["vectors"], rows)
        total = tf.reduce_sum(vectors, axis=1)
        pairs = 0.5 * (tf.reduce_sum(total**2, axis=1) - tf.reduce_sum(vectors**2, axis=[1, 2]))
        deep = tf.reshape(vectors, [tf.shape(rows)[0], -1])
        for layer in (0, 1):
            deep = tf.nn.relu(deep @ kept[f"hidden_{layer}"] + kept[f"bias_{layer}"])
            deep = tf.nn.experimental.stateless_dropout(deep, self.dropout, seed=[self.seed + layer, number])
        deep = tf.linalg.matvec(deep, kept["output"])
        return tf.reduce_sum(tf.gather(kept["linear"], rows), axis=1) + pairs + deep


def _step(network: _Network, optimizer: Any) -> Any:
    """Return the compiled step over one batch, which returns the mean loss."""
    variables = list(network.variables.values())

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(rows: Any, prior: Any, gains: Any, is_track: Any) -> Any:
        with tf.GradientTape() as tape:
            filled = tf.where(is_track)
            found = network(tf.gather_nd(rows, filled), optimizer.iterations)
            scores = tf.tensor_scatter_nd_update(tf.fill(tf.shape(prior), PADDED), filled, found)
            scores = tf.where(is_track, scores + prior, PADDED)
            wanted = gains / tf.reduce_sum(gains, axis=1, keepdims=True)
            loss = -tf.reduce_mean(tf.reduce_sum(wanted * tf.nn.log_softmax(scores, axis=1), axis=1))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return step
