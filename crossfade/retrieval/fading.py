"""Recency: what listeners wanted long ago counts less. Without timestamps nothing fades."""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Interactions, Queries
from crossfade.retrieval.sparse_rows import SparseRows, cleared
from crossfade.schema.ids import Rows

# The best compromise of a coarse grid with item-kNN, over five validation periods of 30Music and one of the twin.
LAST_TRACKS: Final = 300  # an older one would weigh less than an eighth of the newest
HALF_LIFE_TRACKS: Final = 100.0
LAST_SESSION_WEIGHT: Final = 1.5

Doubles = npt.NDArray[np.float64]

# Between hits of a week and evergreens; 14 to 60 days were equally good on 30Music.
HALF_LIFE_DAYS: Final = 28.0


def fading_places(liked: Queries, half_life_tracks: float, *, has_time: bool) -> Doubles:
    """Return [l] weights of an entry by its place from the end of its history, the longest of which has l entries."""
    if not has_time:
        return np.ones(liked.longest)
    return np.asarray(np.exp2(-(np.arange(liked.longest) / half_life_tracks)))


def fading_plays(
    liked: Queries, half_life_tracks: float, half_life_days: float, *, has_time: bool
) -> Doubles:
    """Return [m] weights of history entries: half as much so many tracks, or so many days, later."""
    if not has_time:
        return np.ones(len(liked.track_rows))
    halvings = np.empty(len(liked.track_rows))
    _halve((liked.offsets, liked.seconds), liked.as_of, (half_life_tracks, half_life_days), halvings)
    return np.exp2(halvings, out=halvings)


@numba.njit(cache=True, nogil=True)
def _halve(histories, as_of, half_lives, halvings):  # type: ignore[no-untyped-def]
    """Fill halvings [m], below 0, of history entries by their place from the end and their age."""
    (offsets, seconds), (tracks, days) = histories, half_lives
    for query in range(len(as_of)):
        for entry in range(offsets[query], offsets[query + 1]):
            age = (as_of[query] - seconds[entry]) / SECONDS_PER_DAY
            halvings[entry] = -((offsets[query + 1] - 1 - entry) / tracks + age / days)


def recent_likes(queries: Queries, num_tracks: int, *, has_time: bool) -> SparseRows:
    """Weigh each query's last 300 positive tracks.

    A play weighs half as much 100 tracks later, and half as much again within the last session.

    Returns:
        Sparse [n, num_tracks] float32.
    """
    liked = queries.positives
    found = np.empty(len(liked.track_rows), np.int32), np.empty(len(liked.track_rows), np.float32)
    weights = fading_places(liked, HALF_LIFE_TRACKS, has_time=has_time)
    weights[LAST_TRACKS:] = 0
    entries = (liked.offsets, liked.track_rows, liked.sessions)
    offsets = _sum_recent(entries, weights, found, cleared(num_tracks))
    return SparseRows(offsets, found[0][: offsets[-1]], found[1][: offsets[-1]], num_tracks)


@numba.njit(cache=True, nogil=True)
def _sum_recent(histories, weights, found, places):  # type: ignore[no-untyped-def]
    """Fill found (tracks, sums) by weights of places from the end; places [num_tracks] as in `sparse_rows`."""
    (offsets, tracks, sessions), (columns, sums) = histories, found
    new_offsets, count = np.zeros(len(offsets), np.int64), 0
    for query in range(len(offsets) - 1):
        first, last = count, offsets[query + 1] - 1
        for entry in range(offsets[query], offsets[query + 1]):
            track, weight = tracks[entry], weights[last - entry]
            if sessions[entry] == sessions[last]:
                weight *= LAST_SESSION_WEIGHT
            if places[track] == 0:
                columns[count], sums[count] = track, 0.0
                count += 1
                places[track] = count
            sums[places[track] - 1] += np.float32(weight)
        for place in range(first, count):
            places[columns[place]] = 0
        new_offsets[query + 1] = count
    return new_offsets


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
