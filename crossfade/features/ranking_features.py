"""The ranking features of candidates, as of the query's moment; all queries of a batch at once.

Nothing here reads what happened after `queries.as_of` (histories end before it) or after `statistics.as_of`.
"""

from collections.abc import Sequence
from functools import partial

import numba
import numpy as np

from crossfade.features.affinities import (
    Columns,
    Room,
    artist_affinities,
    genre_affinities,
    vector_affinities,
)
from crossfade.features.candidates import Candidates
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Int64s, Queries
from crossfade.features.left import Left, features_of_left
from crossfade.features.lookups import ages_of, of_rows, owners_of, shares_of
from crossfade.features.session_features import session_features
from crossfade.features.statistics import ARTIST_COLUMNS, TRACK_COLUMNS, Statistics
from crossfade.features.user_statistics import UserStatistics
from crossfade.features.vectors import TrackVectors
from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows
from crossfade.schema.tasks import DISCOVERY, NEXT_TRACK, Task


def ranking_features(
    queries: Queries,
    candidates: Candidates,
    catalogue: Catalogue,
    statistics: Statistics,
    track_vectors: TrackVectors,
    *,
    task: Task = DISCOVERY,
    left: Left | None = None,
) -> Floats:
    """Compute the features that a ranker reads.

    Args:
        queries: n queries.
        candidates: c candidates of each.
        catalogue: The tracks.
        statistics: Of a moment that is not after the queries'.
        track_vectors: [num_tracks, dim] of length 1.
        task: What is ranked for.
        left: Of which histories, where the queries come without any; not for sessions, which have more to tell.

    Returns:
        [n, c, num_features] float32 in the order of `task.features`, NaN where missing: a source that did not
        return the track, a release day that is unknown, times without timestamps, rates and likenesses of an empty
        history. Counts of an empty history are 0. All features of a padded candidate are NaN.

    Raises:
        InputError: The candidates are of fewer sources than the task asks. What more sources said is not read.
    """
    rows = candidates.rows
    if not len(catalogue) or not rows.size:
        return np.full((*rows.shape, len(task.features)), np.nan, np.float32)
    has_time = bool(statistics.has_time[0])
    owners = owners_of(rows, (catalogue.artist_rows, catalogue.album_rows))
    # The values of a feature stand together: so they are written, and so symmetric trees read them.
    features = np.empty((len(task.features), *rows.shape), np.float32)
    room = partial(_room, features, task)
    told = {
        **_of_sources(candidates, task, room),
        **_of_tracks(queries, (rows, owners[0]), catalogue, statistics, room),
    }
    if left is None:
        users = UserStatistics.of(queries, catalogue)
        told |= artist_affinities(queries, (owners[0], owners[1]), catalogue, room, has_time=has_time)
        told |= genre_affinities(queries, rows, catalogue, room)
        told |= vector_affinities(queries, rows, track_vectors, room)
    else:
        asked = (rows, owners[0], owners[1])
        users, near = features_of_left(
            left, queries.as_of, asked, catalogue, track_vectors, room, has_time=has_time
        )
        told |= near
    told |= _of_users(users, queries.as_of, has_time=has_time)
    if task is NEXT_TRACK:
        told |= session_features(queries, rows, catalogue, track_vectors, room, has_time=has_time)
    for place, name in enumerate(task.features):
        if told[name].base is not features:  # not yet where it is read
            features[place] = told[name]
    if (rows < 0).any():
        _blank(rows, features)
    return np.moveaxis(features, 0, -1)


@numba.njit(cache=True, nogil=True)
def _blank(rows, features):  # type: ignore[no-untyped-def]
    """Set features [num_features, n, c] of padding to NaN."""
    for feature in range(len(features)):
        for query in range(rows.shape[0]):
            for place in range(rows.shape[1]):
                if rows[query, place] < 0:
                    features[feature, query, place] = np.nan


def _room(features: Floats, task: Task, names: Sequence[str]) -> Floats:
    """Return the columns of some features among all [num_features, n, c], or new ones where they do not stand together."""
    first = task.features.index(names[0])
    if task.features[first : first + len(names)] == tuple(names):
        return features[first : first + len(names)]
    return np.empty((len(names), *features.shape[1:]), np.float32)


def _of_sources(candidates: Candidates, task: Task, room: Room) -> Columns:
    """Return scores and ranks [n, c] of each source, and how many returned the track."""
    names = (*(f"{name}_{what}" for what in ("score", "rank") for name in task.sources), "num_sources")
    found, said = room(names), candidates.of_first(len(task.sources))
    if said.scores.shape[2] < len(task.sources):
        raise InputError(
            f"Candidates of {said.scores.shape[2]} sources cannot be ranked by {len(task.sources)}; retrieve them from "
            f"{', '.join(task.sources)}."
        )
    _split(said.scores, said.ranks, found)
    return dict(zip(names, found, strict=True))


@numba.njit(cache=True, nogil=True)
def _split(scores, ranks, found):  # type: ignore[no-untyped-def]
    """Fill found [2 * sources + 1, n, c] with the scores, then the ranks, of each source, and how many gave one."""
    num_sources = scores.shape[2]
    for query in range(scores.shape[0]):
        counts = found[2 * num_sources, query]
        counts[:] = 0
        for source in range(num_sources):
            for place in range(scores.shape[1]):
                found[source, query, place] = scores[query, place, source]
            for place in range(scores.shape[1]):
                rank = ranks[query, place, source]
                found[num_sources + source, query, place] = rank
                counts[place] += np.float32(rank == rank)  # NaN is not


def _of_tracks(
    queries: Queries, tracks: tuple[Rows, Rows], catalogue: Catalogue, statistics: Statistics, room: Room
) -> Columns:
    """Return what is known of each candidate [n, c] and its artist [n, c], from everybody's listens."""
    rows, artists = tracks
    moments = (catalogue.release_days, statistics.track_first_seconds)
    ages = ages_of(rows, moments, queries.as_of)
    return {
        **dict(zip(TRACK_COLUMNS, of_rows(statistics.of_tracks, rows, room(TRACK_COLUMNS)), strict=True)),
        **dict(
            zip(ARTIST_COLUMNS, of_rows(statistics.of_artists, artists, room(ARTIST_COLUMNS)), strict=True)
        ),
        "track_age_days": ages[0],
        "track_days_since_first": ages[1],
        "track_country_share": statistics.country_share(queries.country_rows, rows),
        "track_artist_share": shares_of(rows, artists, (statistics.track_listens, statistics.artist_listens)),
    }


def _of_users(of: UserStatistics, as_of: Int64s, *, has_time: bool) -> Columns:
    """Return what counts of each query's history say of its user, [n, 1]."""
    plays, listens = of.user_plays, of.user_listens
    days = (as_of - of.user_last_seconds) / SECONDS_PER_DAY
    columns = {
        "user_listens_log": np.log1p(listens),
        "user_days_since_last": np.where((plays > 0) & has_time, days, np.nan),
        "user_skip_rate": np.where(plays > 0, of.user_skips / np.maximum(plays, 1), np.nan),
        "user_artists_per_listen": np.where(listens > 0, of.user_artists / np.maximum(listens, 1), np.nan),
    }
    return {name: values[:, None] for name, values in columns.items()}
