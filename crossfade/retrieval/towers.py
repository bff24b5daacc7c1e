"""The two towers as TensorFlow layers: tracks from content and id, users from the tracks they played."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.user_tower import HEADS, USER_WEIGHTS
from crossfade.schema.settings import TwoTowerSettings

TRACK_WEIGHTS: Final = ("residuals", "artists", "genres", "projection")
TRACK_SCALE: Final = 0.1
COUNTRY_SCALE: Final = 0.02
MASKED: Final = -1e9
TRACKS_PER_BLOCK: Final = 8192


class TrackTower(tf.keras.layers.Layer):  # type: ignore[misc]
    """Sums embeddings of artist and genres, projected numbers and a residual of the id; then normalises.

    The residual of a track that training never saw is exactly zero, so such a track is what its content says.

    Args:
        catalogue: The tracks.
        features: [num_tracks, num_features] float32 from `track_features`.
        trained: [num_tracks] bool; the tracks whose residual may learn.
        settings: Width of the vectors, and the share of a batch's tracks whose residual is hidden while
            training.
        seed: Of initial weights.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        features: Floats,
        trained: npt.NDArray[np.bool_],
        *,
        settings: TwoTowerSettings,
        seed: int,
    ) -> None:
        super().__init__(name="track_tower")
        self.id_dropout, dim = settings.id_dropout, settings.dim
        genres, artists = catalogue.genre_rows, catalogue.artist_rows
        shares = (genres >= 0) / np.maximum((genres >= 0).sum(axis=1, keepdims=True), 1)
        self.artist_rows = tf.constant(np.maximum(artists, 0), tf.int32)
        self.artist_shares = tf.constant(artists[:, None] >= 0, tf.float32)
        self.genre_rows = tf.constant(np.maximum(genres, 0), tf.int32)
        self.genre_shares = tf.constant(shares[:, :, None], tf.float32)
        self.features = tf.constant(features)
        random = np.random.default_rng(seed)
        # Without any content a start of zeros would be a saddle point that training never leaves.
        residuals = random.normal(0, TRACK_SCALE, (len(catalogue), dim)) * trained[:, None]
        self.residuals = _weight(self, "residuals", residuals)
        for name, rows in (("artists", len(catalogue.artists)), ("genres", len(catalogue.genres))):
            setattr(self, name, _weight(self, name, random.normal(0, TRACK_SCALE, (max(rows, 1), dim))))
        self.projection = _weight(self, "projection", random.normal(0, TRACK_SCALE, (features.shape[1], dim)))

    def call(self, rows: Any, training: bool = False) -> Any:
        """Return unit vectors [n, dim] of the tracks [n] int32."""
        residuals = tf.gather(self.residuals, rows)
        if training and self.id_dropout > 0:
            kept = tf.random.uniform([tf.shape(rows)[0], 1]) >= self.id_dropout
            residuals *= tf.cast(kept, tf.float32)
        return tf.math.l2_normalize(residuals + self.content(rows), axis=1)

    def content(self, rows: Any) -> Any:
        """Return what content alone says, [n, dim], not normalised."""
        artists = tf.gather(self.artists, tf.gather(self.artist_rows, rows))
        genres = tf.gather(self.genres, tf.gather(self.genre_rows, rows))
        numbers = tf.matmul(tf.gather(self.features, rows), self.projection)
        genre = tf.reduce_sum(genres * tf.gather(self.genre_shares, rows), axis=1)
        return artists * tf.gather(self.artist_shares, rows) + genre + numbers

    def vectors(self) -> Floats:
        """Return the vectors of all tracks, [num_tracks, dim] float32."""
        num_tracks = self.residuals.shape[0]
        starts = range(0, num_tracks, TRACKS_PER_BLOCK)
        return np.concatenate(
            [self(tf.range(i, min(i + TRACKS_PER_BLOCK, num_tracks))).numpy() for i in starts]
        )


class UserTower(tf.keras.layers.Layer):  # type: ignore[misc]
    """Pools the track vectors of a history by several attention heads, adds the country and mixes them.

    A head's share of an entry is a softmax over what the track is, how long ago and how often it was played,
    and its place in the history. The heads start with different memories, so that the taste of today and of
    last year are both seen. `user_tower.user_vectors` is the same formula in NumPy.
    """

    def __init__(self, *, settings: TwoTowerSettings, num_countries: int, seed: int) -> None:
        super().__init__(name="user_tower")
        dim, length = settings.dim, settings.history_length
        self.attention = _weight(self, "attention", np.zeros((dim, HEADS)))
        self.decays = _weight(self, "decays", np.linspace(0, 1.5, HEADS))
        self.repeats = _weight(self, "repeats", np.full(HEADS, 0.5))
        self.places = _weight(self, "places", np.zeros((length, HEADS)))
        self.mixing = _weight(self, "mixing", np.tile(np.eye(dim), (HEADS, 1)) / HEADS)
        countries = np.random.default_rng(seed).normal(0, COUNTRY_SCALE, (num_countries + 1, dim))
        self.countries = _weight(self, "countries", countries)

    def call(self, tracks: Any, history: Any, ages: Any, plays: Any, countries: Any) -> Any:
        """Return unit vectors [n, dim].

        Args:
            tracks: [m, dim] float32 vectors of the tracks that histories hold.
            history: [n, history_length] int32 places in `tracks`, most recent first, any where padded.
            ages: [n, history_length] float32 days since the last play.
            plays: [n, history_length] float32 how often played, 0 where padded.
            countries: [n] int32, -1 unknown.
        """
        # Attention looks at each of the m tracks once: histories hold most of them many times.
        logits = tf.gather(tf.matmul(tracks, self.attention), history) + self.places
        logits -= self.decays * tf.math.log1p(tf.maximum(ages, 0.0))[:, :, None]
        logits += self.repeats * tf.math.log(tf.maximum(plays, 1.0))[:, :, None]
        known = (plays > 0)[:, :, None]
        shares = tf.nn.softmax(tf.where(known, logits, MASKED), axis=1) * tf.cast(known, tf.float32)
        pooled = tf.matmul(shares, tf.gather(tracks, history), transpose_a=True)
        mixed = tf.matmul(tf.reshape(pooled, [-1, self.mixing.shape[0]]), self.mixing)
        return tf.math.l2_normalize(mixed + tf.gather(self.countries, countries + 1), axis=1)


def _weight(layer: Any, name: str, start: npt.NDArray[np.floating]) -> Any:
    return layer.add_weight(name, start.shape, initializer=lambda _shape, dtype: tf.constant(start, dtype))


class _ServedUserTower(tf.Module):  # type: ignore[misc]
    """The user tower together with the track vectors that it reads, by row."""

    def __init__(
        self, settings: TwoTowerSettings, weights: Mapping[str, Floats], track_vectors: Floats
    ) -> None:
        super().__init__()
        self.tower = UserTower(settings=settings, num_countries=len(weights["countries"]) - 1, seed=0)
        for name in USER_WEIGHTS:
            getattr(self.tower, name).assign(weights[name])
        self.track_vectors = tf.Variable(track_vectors, trainable=False)

    def __call__(self, history: Any, ages: Any, plays: Any, countries: Any) -> dict[str, Any]:
        distinct, places = tf.unique(tf.reshape(tf.maximum(history, 0), [-1]))
        tracks, places = tf.gather(self.track_vectors, distinct), tf.reshape(places, tf.shape(history))
        return {"user_vectors": self.tower(tracks, places, ages, plays, countries)}


def export_user_tower(
    directory: Path, settings: TwoTowerSettings, weights: Mapping[str, Floats], track_vectors: Floats
) -> None:
    """Write the user tower as a SavedModel.

    Its signature `serving_default` takes `history` [n, history_length] int32 track rows (distinct, most recent
    first, -1 padded), `ages` [n, history_length] float32 days, `plays` [n, history_length] float32 (0 padded)
    and `countries` [n] int32 (-1 unknown), and returns `user_vectors` [n, dim] float32.
    """
    served, length = _ServedUserTower(settings, weights, track_vectors), settings.history_length
    signature = tf.function(served.__call__).get_concrete_function(
        tf.TensorSpec([None, length], tf.int32, "history"),
        tf.TensorSpec([None, length], tf.float32, "ages"),
        tf.TensorSpec([None, length], tf.float32, "plays"),
        tf.TensorSpec([None], tf.int32, "countries"),
    )
    tf.saved_model.save(served, str(directory), signatures=signature)
    # An optional file that holds a random id: without it equal models are equal bytes.
    (directory / "fingerprint.pb").unlink(missing_ok=True)
