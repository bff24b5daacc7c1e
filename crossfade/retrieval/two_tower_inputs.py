"""What the towers read besides histories and targets: content and vectors of tracks, rows of listeners' ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Users
from crossfade.features.interactions import Floats
from crossfade.features.text import track_tokens
from crossfade.retrieval.als import Als
from crossfade.retrieval.item2vec import item_vectors
from crossfade.retrieval.sentences import sentences_of
from crossfade.retrieval.two_tower_examples import track_features
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, IdMap, Rows
from crossfade.schema.model_settings import InputModels, TwoTowerSettings
from crossfade.schema.settings import IndexSettings

NONE: Final = "none"
HASH_BYTES: Final = 8
# Only the vectors are wanted: an index that is exact is built in no time.
NO_INDEX: Final = IndexSettings(backend="exact", min_recall=0, recall_at=1)


@dataclass(frozen=True)
class TrackInputs:
    """What the track tower reads of each track; rows are padded with -1.

    Args:
        own_rows: [num_tracks, 2] int32 rows of each trained track where tracks share them, -1 for others; None where each
            has its own.
        artist_rows: [num_tracks, 4] int32 all artists (`Catalogue.contributors`); [num_tracks, 8] where they share rows.
        genre_rows: [num_tracks, 5] int32.
        word_rows: [num_tracks, 16] int32 buckets of words.
        features: [num_tracks, num_features] float32 from `track_features`.
        feature_names: [num_features].
        vectors: [num_tracks, d] float32 from `input_vectors`, zeros where unknown.
        trained: [num_tracks] bool; the tracks whose residual may learn.
        tables: Rows of the tables of tracks, artists, genres and words, by these names.
    """

    own_rows: Rows | None
    artist_rows: Rows
    genre_rows: Rows
    word_rows: Rows
    features: Floats
    feature_names: list[str]
    vectors: Floats
    trained: npt.NDArray[np.bool_]
    tables: Mapping[str, int]

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        settings: TwoTowerSettings,
        trained: npt.NDArray[np.bool_],
        *,
        models: InputModels,
        seed: int,
    ) -> "TrackInputs":
        """Read them of a dataset that is cut to what training may know; `trained` tracks are its targets."""
        catalogue, buckets = dataset.catalogue, settings.text_buckets
        names, features = track_features(catalogue, int(dataset.interactions.seconds.max()), trained)
        tables = {
            "tracks": settings.track_buckets or len(catalogue),
            "artists": settings.artist_buckets or len(catalogue.contributors),
            "genres": len(catalogue.genres),
            "words": buckets,
        }
        return cls(
            own_rows(catalogue, trained, settings.track_buckets),
            artist_rows(catalogue, settings.artist_buckets),
            catalogue.genre_rows,
            word_rows(dataset, buckets),
            features,
            names,
            input_vectors(dataset, settings, models=models, seed=seed),
            trained,
            tables,
        )


def own_rows(catalogue: Catalogue, trained: npt.NDArray[np.bool_], buckets: int) -> Rows | None:
    """Return the rows [num_tracks, 2] of trained tracks in a table of so many buckets, -1 for others; None without buckets."""
    if not buckets:
        return None
    return np.where(trained[:, None], hashed_rows(catalogue.tracks, buckets), np.int32(NO_ROW))


def artist_rows(catalogue: Catalogue, buckets: int) -> Rows:
    """Return the rows of each track's artists in their table: one each [num_tracks, 4], or two in buckets [num_tracks, 8]."""
    rows = catalogue.contributor_rows
    if not buckets:
        return rows
    # The last row is read where the artist is none.
    hashed = np.vstack([hashed_rows(catalogue.contributors, buckets), np.full((1, 2), NO_ROW, np.int32)])
    return hashed[rows].reshape(len(rows), -1)


def hashed_rows(ids: IdMap, buckets: int) -> Rows:
    """Return two rows [n, 2] int32 of each id in a table of so many buckets, the second another one (if there is another).

    Ids that share one row seldom share both, so that the mean of two rows tells ids apart of which there are many more than
    rows (Svenstrup, Hansen and Winther 2017, without their weights, of which every id needs its own).
    """
    digests = _digests(ids, 2)
    first = digests[:, 0] % np.uint64(buckets)
    further = np.uint64(1) + digests[:, 1] % np.uint64(max(buckets - 1, 1))
    return np.stack([first, (first + further) % np.uint64(buckets)], axis=1).astype(np.int32)


def _digests(ids: IdMap, count: int) -> npt.NDArray[np.uint64]:
    """Return numbers [n, count] that stay the same for an id in every process."""
    size = count * HASH_BYTES
    digests = b"".join(blake2b(name.encode(), digest_size=size).digest() for name in ids.ids.to_pylist())
    return np.frombuffer(digests, "<u8").reshape(-1, count)


def word_rows(dataset: Dataset, buckets: int) -> Rows:
    """Return the rows [num_tracks, 16] of each track's words in a table of so many buckets; no columns without buckets."""
    if not buckets:
        return np.empty((len(dataset.catalogue), 0), np.int32)
    tokens = track_tokens(dataset.catalogue, dataset.playlists)
    return np.where(tokens >= 0, tokens % buckets, NO_ROW).astype(np.int32)


def input_vectors(dataset: Dataset, settings: TwoTowerSettings, *, models: InputModels, seed: int) -> Floats:
    """Return vectors of tracks [num_tracks, d] float32 that another model learns from the same dataset.

    They have length 1 in the root mean square over the tracks that have one, and are zeros elsewhere; d is 0 where
    `settings.input_vectors` is none.
    """
    if settings.input_vectors == NONE:
        return np.empty((len(dataset.catalogue), 0), np.float32)
    if settings.input_vectors == c.ITEM2VEC:
        vectors = item_vectors(sentences_of(dataset), len(dataset.catalogue), models.item2vec, seed)
    else:
        vectors = Als(models.als, NO_INDEX, seed).fit(dataset).factors_
    known = vectors.any(axis=1)
    return np.asarray(vectors / np.sqrt((vectors[known] ** 2).sum(axis=1).mean()), np.float32)


def user_buckets(users: Users, settings: TwoTowerSettings) -> Rows:
    """Return each user's row [num_users] int32 in the table of users, a stable hash of the id; empty without `user_ids`."""
    if not settings.user_ids:
        return np.empty(0, np.int32)
    return (_digests(users.ids, 1)[:, 0] % np.uint64(settings.user_buckets)).astype(np.int32)
