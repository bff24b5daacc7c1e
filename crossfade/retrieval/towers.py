"""The two towers as TensorFlow layers: tracks from content and id, users from the tracks they played."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.features.traits import TRAITS
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.two_tower_inputs import TrackInputs
from crossfade.retrieval.user_tower import HEADS, USER_WEIGHTS
from crossfade.retrieval.vector_table import VectorTable
from crossfade.schema.model_settings import TwoTowerSettings

TRACK_WEIGHTS: Final = ("residuals", "artists", "genres", "words", "projection", "given", "vector_projection")
TRACK_SCALE: Final = 0.1
# The mean of two rows that were drawn this much wider is as wide as one row.
SHARED_SCALE: Final = 2**0.5
COUNTRY_SCALE: Final = 0.02
Batch = Mapping[str, Any]

MASKED: Final = -1e9
TRACKS_PER_BLOCK: Final = 8192


class TrackTower(tf.keras.layers.Layer):  # type: ignore[misc]
    """Sums mean embeddings of artists, genres and words, projected numbers and a residual of the id; then normalises.

    The residual of a track that training never saw is exactly zero, and so is the vector that it is given; such a
    track is what its content says. Words that training never saw say nothing.

    Args:
        inputs: What is known of the tracks.
        settings: Width of the vectors, and the share of a batch's tracks whose residual and vector are hidden while
            training.
        seed: Of initial weights.
    """

    def __init__(self, inputs: TrackInputs, *, settings: TwoTowerSettings, seed: int) -> None:
        super().__init__(name="track_tower")
        self.id_dropout, dim = settings.id_dropout, settings.dim
        self.rows = {
            "artists": tf.constant(inputs.artist_rows),
            "genres": tf.constant(inputs.genre_rows),
            "words": tf.constant(inputs.word_rows),
        }
        self.features, self.given = tf.constant(inputs.features), tf.constant(inputs.vectors)
        random = np.random.default_rng(seed)
        # Without any content a start of zeros would be a saddle point that training never leaves.
        residuals = random.normal(0, TRACK_SCALE, (inputs.tables["tracks"], dim))
        if inputs.own_rows is None:
            residuals *= inputs.trained[:, None]
            self.own_rows = None
        else:
            residuals *= SHARED_SCALE
            self.own_rows = tf.constant(inputs.own_rows)
        self.residuals = _weight(self, "residuals", residuals)
        for name in ("artists", "genres"):
            start = random.normal(0, TRACK_SCALE, (max(inputs.tables[name], 1), dim))
            shared = name == "artists" and settings.artist_buckets > 0
            setattr(self, name, _weight(self, name, start * (SHARED_SCALE if shared else 1)))
        self.words = _weight(self, "words", np.zeros((max(inputs.tables["words"], 1), dim)))
        features, width = inputs.features.shape[1], inputs.vectors.shape[1]
        self.projection = _weight(self, "projection", random.normal(0, TRACK_SCALE, (features, dim)))
        # A random projection of this scale keeps the lengths and angles of the vectors.
        projection = random.normal(0, dim**-0.5, (width, dim))
        self.vector_projection = _weight(self, "vector_projection", projection)

    def call(self, rows: Any, training: bool = False) -> Any:
        """Return unit vectors [n, dim] of the tracks [n] int32."""
        own = self.residual(rows) + tf.matmul(tf.gather(self.given, rows), self.vector_projection)
        if training and self.id_dropout > 0:
            kept = tf.random.uniform([tf.shape(rows)[0], 1]) >= self.id_dropout
            own *= tf.cast(kept, tf.float32)
        return tf.math.l2_normalize(own + self.content(rows), axis=1)

    def residual(self, rows: Any) -> Any:
        """Return what ids alone say, [n, dim]: a row each, or the mean of the two rows that an id is hashed into."""
        if self.own_rows is None:
            return tf.gather(self.residuals, rows)
        return _means(self.residuals, tf.gather(self.own_rows, rows))

    def content(self, rows: Any) -> Any:
        """Return what content alone says, [n, dim], not normalised."""
        numbers = tf.matmul(tf.gather(self.features, rows), self.projection)
        named = [_means(getattr(self, name), tf.gather(of_all, rows)) for name, of_all in self.rows.items()]
        return tf.add_n([numbers, *named])

    def vectors(self) -> Floats:
        """Return the vectors of all tracks, [num_tracks, dim] float32."""
        num_tracks = self.features.shape[0]
        starts = range(0, num_tracks, TRACKS_PER_BLOCK)
        return np.concatenate(
            [self(tf.range(i, min(i + TRACKS_PER_BLOCK, num_tracks))).numpy() for i in starts]
        )


class UserTower(tf.keras.layers.Layer):  # type: ignore[misc]
    """Pools the track vectors of a history by several attention heads, mixes them, and adds what else is known.

    A head's share of an entry is a softmax over what the track is, how long ago and how often it was played,
    and its place in the history. The heads start with different memories, so that the taste of today and of
    last year are both seen. Country, traits and the id, where they are known, move the vector by one of their
    own; context and id are hidden from a share of examples, so that their vectors add to a history and do not
    replace it. `user_tower.user_vectors` is the same formula in NumPy.

    Args:
        settings: Shape, and the shares that are hidden while training.
        num_countries: Rows of the table of countries, but for the one of unknown ones.
        num_traits: Rows of the table of traits.
        seed: Of initial weights.
    """

    def __init__(self, *, settings: TwoTowerSettings, num_countries: int, num_traits: int, seed: int) -> None:
        super().__init__(name="user_tower")
        self.id_dropout, self.context_dropout = settings.id_dropout, settings.context_dropout
        dim, length = settings.dim, settings.history_length
        self.attention = _weight(self, "attention", np.zeros((dim, HEADS)))
        self.decays = _weight(self, "decays", np.linspace(0, 1.5, HEADS))
        self.repeats = _weight(self, "repeats", np.full(HEADS, 0.5))
        self.places = _weight(self, "places", np.zeros((length, HEADS)))
        self.mixing = _weight(self, "mixing", np.tile(np.eye(dim), (HEADS, 1)) / HEADS)
        countries = np.random.default_rng(seed).normal(0, COUNTRY_SCALE, (num_countries + 1, dim))
        self.countries = _weight(self, "countries", countries)
        self.traits = _weight(self, "traits", np.zeros((max(num_traits, 1), dim)))
        users = settings.user_buckets if settings.user_ids else 1
        self.users = _weight(self, "users", np.zeros((users, dim)))

    def call(self, tracks: Any, history: Any, about: Batch, training: bool = False) -> Any:
        """Return unit vectors [n, dim].

        Args:
            tracks: [m, dim] float32 vectors of the tracks that histories hold.
            history: [n, history_length] int32 places in `tracks`, most recent first, any where padded.
            about: `ages` [n, history_length] float32 days since the last play, `plays` [n, history_length] float32
                how often played, 0 where padded, `country` [n] int32, `traits` [n, 6] int32 and `user_bucket` [n]
                int32, each -1 where unknown.
            training: Whether to hide contexts and ids.
        """
        ages, plays = about["ages"], about["plays"]
        # Attention looks at each of the m tracks once: histories hold most of them many times.
        logits = tf.gather(tf.matmul(tracks, self.attention), history) + self.places
        logits -= self.decays * tf.math.log1p(tf.maximum(ages, 0.0))[:, :, None]
        logits += self.repeats * tf.math.log(tf.maximum(plays, 1.0))[:, :, None]
        known = (plays > 0)[:, :, None]
        shares = tf.nn.softmax(tf.where(known, logits, MASKED), axis=1) * tf.cast(known, tf.float32)
        pooled = tf.matmul(shares, tf.gather(tracks, history), transpose_a=True)
        mixed = tf.matmul(tf.reshape(pooled, [-1, self.mixing.shape[0]]), self.mixing)
        mixed += tf.gather(self.countries, about["country"] + 1)
        return tf.math.l2_normalize(
            mixed + self._own(about["traits"], about["user_bucket"], training), axis=1
        )

    def _own(self, traits: Any, users: Any, training: bool) -> Any:
        """Return what traits [n, 6] and ids [n] add, [n, dim]."""
        if training:
            hidden = tf.random.uniform([tf.shape(users)[0], 2]) < [self.context_dropout, self.id_dropout]
            # The first trait is the age, which every query of a listener knows.
            context = tf.where(hidden[:, :1], -1, traits[:, 1:])
            traits, users = tf.concat([traits[:, :1], context], axis=1), tf.where(hidden[:, 1], -1, users)
        of_traits = tf.reduce_sum(_rows_or_zeros(self.traits, traits), axis=1)
        return of_traits + _rows_or_zeros(self.users, users)


def _means(table: Any, rows: Any) -> Any:
    """Return the mean [n, dim] of the table's rows [n, w], those of -1 left out; zeros where there are none."""
    known = rows >= 0
    owners = tf.where(known)[:, 0]
    distinct, places = tf.unique(tf.boolean_mask(rows, known))
    # Fused: the n x w x dim gathered rows never stand in memory.
    return tf.sparse.segment_mean(tf.gather(table, distinct), places, owners, num_segments=tf.shape(rows)[0])


def _rows_or_zeros(table: Any, rows: Any) -> Any:
    """Return the table's rows [..., dim], zeros for -1."""
    return tf.gather(table, tf.maximum(rows, 0)) * tf.cast(rows >= 0, tf.float32)[..., None]


def _weight(layer: Any, name: str, start: npt.NDArray[np.floating]) -> Any:
    return layer.add_weight(name, start.shape, initializer=lambda _shape, dtype: tf.constant(start, dtype))


class _ServedUserTower(tf.Module):  # type: ignore[misc]
    """The user tower together with the track vectors that it reads, by row."""

    def __init__(
        self, settings: TwoTowerSettings, weights: Mapping[str, Floats], track_vectors: TrackVectors
    ) -> None:
        super().__init__()
        countries, traits = len(weights["countries"]) - 1, len(weights["traits"])
        self.tower = UserTower(settings=settings, num_countries=countries, num_traits=traits, seed=0)
        for name in USER_WEIGHTS:
            getattr(self.tower, name).assign(weights[name])
        self.track_vectors = VectorTable(track_vectors)

    def __call__(self, history: Any, **about: Any) -> dict[str, Any]:
        distinct, places = tf.unique(tf.reshape(tf.maximum(history, 0), [-1]))
        tracks, places = self.track_vectors(distinct), tf.reshape(places, tf.shape(history))
        return {"user_vectors": self.tower(tracks, places, about)}


def export_user_tower(
    directory: Path, settings: TwoTowerSettings, weights: Mapping[str, Floats], track_vectors: TrackVectors
) -> None:
    """Write the user tower as a SavedModel.

    Its signature `serving_default` takes `history` [n, history_length] int32 track rows (distinct, most recent
    first, -1 padded), `ages` [n, history_length] float32 days, `plays` [n, history_length] float32 (0 padded),
    `country` [n] int32, `traits` [n, 6] int32 and `user_bucket` [n] int32 (each -1 where unknown), and returns
    `user_vectors` [n, dim] float32.
    """
    served, length = _ServedUserTower(settings, weights, track_vectors), settings.history_length
    signature = tf.function(served.__call__).get_concrete_function(
        tf.TensorSpec([None, length], tf.int32, "history"),
        ages=tf.TensorSpec([None, length], tf.float32, "ages"),
        plays=tf.TensorSpec([None, length], tf.float32, "plays"),
        country=tf.TensorSpec([None], tf.int32, "country"),
        traits=tf.TensorSpec([None, len(TRAITS)], tf.int32, "traits"),
        user_bucket=tf.TensorSpec([None], tf.int32, "user_bucket"),
    )
    tf.saved_model.save(served, str(directory), signatures=signature)
    # An optional file that holds a random id: without it equal models are equal bytes.
    (directory / "fingerprint.pb").unlink(missing_ok=True)
