"""Recency: what listeners wanted long ago counts less. Without timestamps nothing fades."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Interactions, Queries
from crossfade.retrieval.sparse import history_matrix
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.schema.ids import Rows

# The best compromise of a coarse grid with item-kNN, over five validation periods of 30Music and one of the twin.
LAST_TRACKS: Final = 300  # an older one would weigh less than an eighth of the newest
HALF_LIFE_TRACKS: Final = 100.0
LAST_SESSION_WEIGHT: Final = 1.5

Doubles = npt.NDArray[np.float64]

# Between hits of a week and evergreens; 14 to 60 days were equally good on 30Music.
HALF_LIFE_DAYS: Final = 28.0


def fading_plays(
    liked: Queries, half_life_tracks: float, half_life_days: float, *, has_time: bool
) -> Doubles:
    """Return [m] weights of history entries: half as much so many tracks, or so many days, later."""
    if not has_time:
        return np.ones(len(liked.track_rows))
    if np.isinf(half_life_days):  # places are few whole numbers, each of which is raised once
        places = liked.places_from_end
        return np.asarray(np.exp2(-(np.arange(places.max(initial=0) + 1) / half_life_tracks))[places])
    days = (liked.as_of[liked.owners] - liked.seconds) / SECONDS_PER_DAY
    return np.exp2(-(liked.places_from_end / half_life_tracks + days / half_life_days))


def recent_likes(queries: Queries, num_tracks: int, *, has_time: bool) -> SparseRows:
    """Weigh each query's last 300 positive tracks.

    A play weighs half as much 100 tracks later, and half as much again within the last session.

    Returns:
        Sparse [n, num_tracks] float32.
    """
    liked = queries.positives
    weights = fading_plays(liked, HALF_LIFE_TRACKS, np.inf, has_time=has_time)
    weights *= liked.places_from_end < LAST_TRACKS
    weights *= np.where(liked.in_last_session, LAST_SESSION_WEIGHT, 1.0)
    return history_matrix(liked, liked.track_rows, weights, num_tracks)


def latest_moment(dataset: Dataset) -> int:
    """Return the UTC seconds of the newest interaction, 0 without any."""
    return int(dataset.interactions.seconds.max(initial=0))


def fading_listeners(dataset: Dataset) -> tuple[Rows, Rows, Doubles]:
    """Find who wanted what, and how much it still counts.

    Returns:
        Users [p] int32 and tracks [p] int32, each pair once and sorted; weights [p] float64, 1 for a track that its
        user last wanted at the dataset's newest moment, half of it 28 days before, and 1 for all without timestamps.
    """
    liked, width = dataset.interactions.where(dataset.interactions.positive), max(len(dataset.catalogue), 1)
    pairs, newest = _newest_of_pairs(liked, width)
    users, tracks = np.divmod(pairs, width)
    ages = (latest_moment(dataset) - newest) / SECONDS_PER_DAY
    weights = 0.5 ** (ages / HALF_LIFE_DAYS) if dataset.split.has_time else np.ones(len(pairs))
    return users.astype(np.int32), tracks.astype(np.int32), weights


def _newest_of_pairs(liked: Interactions, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    keys = liked.user_rows.astype(np.int64) * width + liked.track_rows
    order = np.argsort(keys, kind="stable")  # time rises within a user, so the last of a pair is its newest
    keys, seconds = keys[order], liked.seconds[order]
    is_last = np.ones(len(keys), np.bool_)
    is_last[:-1] = keys[1:] != keys[:-1]
    return keys[is_last], seconds[is_last]
