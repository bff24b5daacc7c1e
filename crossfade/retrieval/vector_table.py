"""Track vectors inside a SavedModel, kept as small as the bundle keeps them."""

from typing import Any

from crossfade.features.vectors import CODES, SCALE, TrackVectors, as_stored
from crossfade.retrieval.tensorflow_setup import tf


class VectorTable(tf.Module):  # type: ignore[misc]
    """Gathers rows of track vectors as float32.

    Args:
        vectors: [num_tracks, dim].
    """

    def __init__(self, vectors: TrackVectors) -> None:
        super().__init__()
        stored = as_stored(vectors)
        has_scales = stored.dtype.names is not None
        self.codes = tf.Variable(stored[CODES] if has_scales else stored, trainable=False)
        self.scales = tf.Variable(stored[SCALE], trainable=False) if has_scales else None

    def __call__(self, rows: Any) -> Any:
        """Return the vectors [..., dim] float32 of rows [...] int32."""
        vectors = tf.cast(tf.gather(self.codes, rows), tf.float32)
        return vectors if self.scales is None else vectors * tf.gather(self.scales, rows)[..., None]
