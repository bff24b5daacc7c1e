"""What turns a running session into a query vector: self-attention (SASRec) or a gated recurrent unit (GRU4Rec).

The same formulas in NumPy stand in `session_forward`, for serving.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.session_forward import EPSILON, FEED_FORWARD
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.vector_table import VectorTable
from crossfade.schema import columns as c

SCALE: Final = 0.05  # of initial weights
MASKED: Final = -1e9


class SessionLayer(tf.keras.layers.Layer):  # type: ignore[misc]
    """Holds track, artist, skip and place vectors; subclasses encode [n, length, dim] into [n, length, dim].

    The base class saves both encoders the embedding of their input: the track's own vector plus its artist's, so that
    a rare track stands with its artist, plus marks for a skip and for the place.

    Args:
        artist_rows: [num_tracks] int32, -1 unknown.
        num_artists: Artist rows are below it.
        dim: Width of all vectors.
        length: Entries of a session that are read.
        seed: Of initial weights.
    """

    served: tuple[str, ...] = ("skipped", "places")  # names of the weights that serving reads

    def __init__(
        self, artist_rows: npt.NDArray[np.int32], num_artists: int, *, dim: int, length: int, seed: int
    ) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.dim, self.length = dim, length
        self.artist_rows = tf.constant(artist_rows + 1)
        self.tracks = self._weight("tracks", len(artist_rows), dim)
        self.artists = self._weight("artists", num_artists + 1, dim)
        self.skipped = self._weight("skipped", dim)
        self.places = self._weight("places", length, dim)

    def _weight(self, name: str, *shape: int) -> Any:
        start = self.random.normal(0, SCALE, shape)
        return self.add_weight(name, shape, initializer=lambda _shape, dtype: tf.constant(start, dtype))

    def track_vectors(self, rows: Any) -> Any:
        """Return unit vectors [..., dim] of tracks [...] int32."""
        own = tf.gather(self.tracks, rows)
        return tf.math.l2_normalize(own + tf.gather(self.artists, tf.gather(self.artist_rows, rows)), axis=-1)

    def inputs(self, rows: Any, skips: Any) -> tuple[Any, Any]:
        """Return what is encoded, [n, length, dim], and which places are filled, [n, length] bool."""
        known = rows >= 0
        vectors = self.track_vectors(tf.maximum(rows, 0)) + self.places
        return (vectors + skips[..., None] * self.skipped) * tf.cast(known, tf.float32)[..., None], known


class SasRecLayer(SessionLayer):
    """One block of causal self-attention and feed-forward (Kang and McAuley 2018)."""

    served = (*SessionLayer.served, "query", "key", "value", "output_mix", "widen", "narrow")

    def __init__(
        self, artist_rows: npt.NDArray[np.int32], num_artists: int, *, dim: int, length: int, seed: int
    ) -> None:
        super().__init__(artist_rows, num_artists, dim=dim, length=length, seed=seed)
        for name in ("query", "key", "value", "output_mix"):
            setattr(self, name, self._weight(name, dim, dim))
        self.widen = self._weight("widen", dim, FEED_FORWARD * dim)
        self.narrow = self._weight("narrow", FEED_FORWARD * dim, dim)

    def call(self, rows: Any, skips: Any, rate: float = 0.0) -> Any:
        """Return unit query vectors [n, length, dim] of every place of sessions [n, length], newest last."""
        entries, known = self.inputs(rows, skips)
        entries = tf.nn.dropout(entries, rate) if rate else entries
        normal = _normal(entries)
        logits = tf.matmul(normal @ self.query, normal @ self.key, transpose_b=True) / np.sqrt(self.dim)
        is_past = tf.linalg.band_part(tf.ones([self.length, self.length], tf.bool), -1, 0)
        shares = tf.nn.softmax(tf.where(is_past[None] & known[:, None, :], logits, MASKED), axis=-1)
        mixed = entries + tf.matmul(shares, normal @ self.value) @ self.output_mix
        mixed = tf.nn.dropout(mixed, rate) if rate else mixed
        return tf.math.l2_normalize(mixed + tf.nn.relu(_normal(mixed) @ self.widen) @ self.narrow, axis=-1)


class Gru4RecLayer(SessionLayer):
    """One gated recurrent unit (Hidasi et al. 2016, with the losses of Hidasi and Karatzoglou 2018)."""

    served = (*SessionLayer.served, "kernel", "recurrent", "bias")

    def __init__(
        self, artist_rows: npt.NDArray[np.int32], num_artists: int, *, dim: int, length: int, seed: int
    ) -> None:
        super().__init__(artist_rows, num_artists, dim=dim, length=length, seed=seed)
        self.kernel = self._weight("kernel", dim, 3 * dim)
        self.recurrent = self._weight("recurrent", dim, 3 * dim)
        self.bias = self._weight("bias", 3 * dim)

    def call(self, rows: Any, skips: Any, rate: float = 0.0) -> Any:
        """Return unit query vectors [n, length, dim] of every place of sessions [n, length], newest last."""
        entries, known = self.inputs(rows, skips)
        entries = tf.nn.dropout(entries, rate) if rate else entries
        state, states = tf.zeros_like(entries[:, 0]), []
        for place in range(self.length):
            update, reset, fresh = tf.split(entries[:, place] @ self.kernel + self.bias, 3, axis=-1)
            old_update, old_reset, old = tf.split(state @ self.recurrent, 3, axis=-1)
            update, reset = tf.sigmoid(update + old_update), tf.sigmoid(reset + old_reset)
            stepped = update * state + (1 - update) * tf.tanh(fresh + reset * old)
            state = tf.where(known[:, place, None], stepped, state)
            states.append(state)
        # The last track's own vector stays in the answer: its neighbours are the likeliest next.
        return tf.math.l2_normalize(tf.stack(states, axis=1) + entries, axis=-1)


LAYERS: Final = {c.SASREC: SasRecLayer, c.GRU4REC: Gru4RecLayer}


class _Served(tf.Module):  # type: ignore[misc]
    """An encoder together with the track vectors that it reads, by row."""

    def __init__(self, name: str, weights: Mapping[str, Floats], track_vectors: TrackVectors) -> None:
        super().__init__()
        length, dim = weights["places"].shape
        self.layer = LAYERS[name](np.zeros(1, np.int32), 0, dim=dim, length=length, seed=0)
        for weight, values in weights.items():
            getattr(self.layer, weight).assign(values)
        self.vectors = VectorTable(track_vectors)
        # The tables behind the vectors are not served.
        self.layer.track_vectors = self.vectors  # type: ignore[method-assign]

    def __call__(self, rows: Any, skips: Any) -> dict[str, Any]:
        return {"session_vectors": self.layer(rows, skips)[:, -1]}


def export_encoder(
    directory: Path, name: str, weights: Mapping[str, Floats], track_vectors: TrackVectors
) -> None:
    """Write an encoder as a SavedModel.

    Its signature `serving_default` takes `rows` [n, length] int32 (newest last, -1 padded in front) and `skips`
    [n, length] float32 (1 where skipped early), and returns `session_vectors` [n, dim] float32.
    """
    served, length = _Served(name, weights, track_vectors), len(weights["places"])
    signature = tf.function(served.__call__).get_concrete_function(
        tf.TensorSpec([None, length], tf.int32, "rows"), tf.TensorSpec([None, length], tf.float32, "skips")
    )
    tf.saved_model.save(served, str(directory), signatures=signature)
    # An optional file that holds a random id: without it equal models are equal bytes.
    (directory / "fingerprint.pb").unlink(missing_ok=True)


def _normal(vectors: Any) -> Any:
    mean, variance = tf.nn.moments(vectors, axes=[-1], keepdims=True)
    return (vectors - mean) / tf.sqrt(variance + EPSILON)
