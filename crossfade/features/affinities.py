"""How near each candidate is to a query's own history: by artist, album, genre and vector."""

from collections.abc import Callable, Sequence
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats, Queries
from crossfade.features.prefetching import AHEAD, fetch, fetch_row
from crossfade.features.tallies import artist_tallies, plays_log
from crossfade.features.vectors import TrackVectors, component, readable, width
from crossfade.schema.ids import Rows

Columns = dict[str, npt.NDArray[np.floating]]
Room = Callable[[Sequence[str]], Floats]  # of features by their names, [m, n, c] float32 to write to

LAST_POSITIVES: Final = 20  # whose mean vector stands for the user
ARTIST_TALLIES: Final = (
    "user_artist_listens_log",
    "user_artist_strength",
    "user_artist_share",
    "user_artist_days_since_last",
    "user_artist_in_last_session",
)
GENRE_COSINES: Final = ("user_genre_affinity", "session_genre_affinity")
VECTOR_COSINES: Final = ("user_track_vector_cosine", "session_track_vector_cosine")
TOGETHER: Final = 4  # vectors of a session that are compared in one go
LAST_OF_SESSION: Final = 20  # tracks of the last session that a candidate is compared with


def artist_affinities(
    queries: Queries, of_candidates: tuple[Rows, Rows], catalogue: Catalogue, room: Room, *, has_time: bool
) -> Columns:
    """Return what n queries did with the artist and album of each candidate.

    Args:
        queries: n queries.
        of_candidates: Artists and albums [n, c] int32, -1 unknown.
        catalogue: The tracks.
        room: Where columns are written.
        has_time: Whether times mean something.

    Returns:
        Feature -> [n, c]: 0 for artists and albums that are new to the user or unknown, NaN for times of them.
    """
    artists, albums = of_candidates
    liked, played = queries.positives, catalogue.artist_rows[queries.track_rows]
    found = artist_tallies(queries, played, artists, room(ARTIST_TALLIES), has_time=has_time)
    of_albums = plays_log(liked, catalogue.album_rows[liked.track_rows], albums)
    return {**dict(zip(ARTIST_TALLIES, found, strict=True)), "user_album_listens_log": of_albums}


def genre_affinities(queries: Queries, rows: Rows, catalogue: Catalogue, room: Room) -> Columns:
    """Return the cosine of each candidate's genres [n, c] with those of all, and of the last session's, positives.

    NaN where the track has no genres, or is padding, or the history has none.
    """
    liked = queries.positives
    session, num_genres = liked.last_sessions, len(catalogue.genres)
    cosines = room(GENRE_COSINES)
    cosines[:] = np.nan
    histories = tuple((each.offsets, each.track_rows) for each in (liked, session))
    scratch = (np.zeros((2, num_genres)), np.empty((2, num_genres), np.int32))
    _genre_cosines(histories, (rows, catalogue.genre_rows), scratch, cosines)
    return dict(zip(GENRE_COSINES, cosines, strict=True))


def typicality(genres: Rows) -> npt.NDArray[np.float64]:
    """Return 1 for a track's most typical genre, then 1/2, 1/3 ... [..., g] float64, 0 where padded."""
    return np.where(genres >= 0, 1 / (1 + np.arange(genres.shape[-1])), 0.0)


@numba.njit(cache=True, nogil=True)
def _genre_cosines(histories, tracks, scratch, cosines):  # type: ignore[no-untyped-def]
    """Fill cosines [2, n, c] of tracks' genres with two histories' where both have a length; they weigh as in `typicality`.

    Scratch is the mass of genres [2, num_genres], 0 before and after, and room for those that have any [2, num_genres].
    """
    (rows, genre_rows), (mass, heard) = tracks, scratch
    weights = np.empty(genre_rows.shape[1])
    for i in range(len(weights)):
        weights[i] = 1.0 / (1 + i)
    for query in range(len(rows)):
        of_all, num_all = _add_genres(histories[0], query, (genre_rows, weights), scratch, 0)
        of_session, num_session = _add_genres(histories[1], query, (genre_rows, weights), scratch, 1)
        for place in range(rows.shape[1]):
            if place + AHEAD < rows.shape[1]:
                fetch(genre_rows, rows[query, place + AHEAD], 0)
            track = rows[query, place]
            if track < 0:
                continue
            with_all, with_session, squares = 0.0, 0.0, 0.0
            for i in range(genre_rows.shape[1]):
                genre, weight = genre_rows[track, i], weights[i]
                if genre >= 0:
                    squares += weight * weight
                    with_all, with_session = (
                        with_all + mass[0, genre] * weight,
                        with_session + mass[1, genre] * weight,
                    )
            length = np.sqrt(squares)
            if squares > 0 and of_all > 0:
                cosines[0, query, place] = with_all / (of_all * length)
            if squares > 0 and of_session > 0:
                cosines[1, query, place] = with_session / (of_session * length)
        for place in range(num_all):
            mass[0, heard[0, place]] = 0.0
        for place in range(num_session):
            mass[1, heard[1, place]] = 0.0


@numba.njit(cache=True, nogil=True)
def _add_genres(history, query, genres, scratch, which):  # type: ignore[no-untyped-def]
    """Add a history's genres to one of the masses; returns the length of the sum, and how many genres were heard."""
    (offsets, played), (genre_rows, weights), (mass, heard) = history, genres, scratch
    count, squares = 0, 0.0
    for entry in range(offsets[query], offsets[query + 1]):
        if entry + AHEAD < len(played):
            fetch(genre_rows, played[entry + AHEAD], 0)
        for i in range(genre_rows.shape[1]):
            genre = genre_rows[played[entry], i]
            if genre >= 0:
                if mass[which, genre] == 0.0:
                    heard[which, count] = genre
                    count += 1
                mass[which, genre] += weights[i]
    for place in range(count):
        squares += mass[which, heard[which, place]] * mass[which, heard[which, place]]
    return np.sqrt(squares), count


def vector_affinities(queries: Queries, rows: Rows, track_vectors: TrackVectors, room: Room) -> Columns:
    """Return the cosine of each candidate's vector with those of the history, NaN for an empty history, or where padded.

    The user's is with the mean of the last 20 positives; the session's is the largest with one of the last session's
    last 20 positives.
    """
    liked = queries.positives
    last = liked.last_tracks(LAST_POSITIVES), liked.last_sessions.last_tracks(LAST_OF_SESSION)
    return vector_cosines(last, rows, track_vectors, room)


def vector_cosines(last: tuple[Rows, Rows], rows: Rows, track_vectors: TrackVectors, room: Room) -> Columns:
    """Return the same for the last positives [n, 20] int32 and those of the last session, -1 padded."""
    vectors = readable(track_vectors)
    sums = np.zeros((len(rows), track_vectors.shape[1]), np.float32)
    _add_up(vectors, last[0], sums)
    lengths = np.sqrt(np.add.reduce(sums * sums, axis=1, keepdims=True))
    means = sums / np.where(lengths > 0, lengths, np.nan)
    found = room(VECTOR_COSINES)
    _cosines(vectors, rows.astype(np.int32, copy=False), (means.astype(np.float32), last[1]), found)
    return dict(zip(VECTOR_COSINES, found, strict=True))


def products(track_vectors: TrackVectors, rows: Rows, vectors: Floats) -> Floats:
    """Return the inner products [n, c] of tracks [n, c] int32 with a vector of each query [n, dim], NaN where padded (-1)."""
    found = np.empty(rows.shape, np.float32)
    multiply_into(found, readable(track_vectors), rows, np.ascontiguousarray(vectors))
    return found


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def multiply_into(found, track_vectors, rows, vectors):  # type: ignore[no-untyped-def]
    """Fill found [n, c] as `products`; vectors are `readable`, and those of queries contiguous."""
    for query in range(len(rows)):
        for place in range(rows.shape[1]):
            row, product = rows[query, place], np.float32(0)
            for i in range(width(track_vectors) if row >= 0 else 0):
                product += component(track_vectors, row, i) * vectors[query, i]
            found[query, place] = product if row >= 0 else np.float32(np.nan)


# Compiled, since a stack of small matrix products keeps BLAS' threads waiting for each other: seconds a batch on a
# machine with other work. Both products in one pass, since a track's vector is far away in memory.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _cosines(track_vectors, rows, histories, found):  # type: ignore[no-untyped-def]
    """Fill found [2, n, c] with each track's cosine with its query's mean [n, dim], and the largest with its history's.

    Histories are padded rows [n, h]; the largest of none is NaN.
    """
    (means, histories_rows), dim = histories, width(track_vectors)
    played = np.empty((histories_rows.shape[1] + TOGETHER - 1, dim), np.float32)
    for query in range(len(rows)):
        count = _gather(track_vectors, histories_rows[query], played)
        for place in range(rows.shape[1]):
            if place + AHEAD < rows.shape[1]:
                fetch_row(track_vectors, rows[query, place + AHEAD], 4 * dim)
            row, product = rows[query, place], np.float32(0)
            if row < 0:
                found[0, query, place] = found[1, query, place] = np.nan
                continue
            for i in range(dim):
                product += component(track_vectors, row, i) * means[query, i]
            found[0, query, place] = product
            best = np.float32(-np.inf) if count else np.float32(np.nan)
            for other in range(0, count, TOGETHER):
                best = max(best, _largest(track_vectors, row, played, np.uint32(other)))
            found[1, query, place] = best


# Told where the four begin, since a view of them would be counted in and out for every candidate.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _largest(track_vectors, row, played, start):  # type: ignore[no-untyped-def]
    """Return the largest cosine of a track with four vectors of those played [h, dim]."""
    first, second, third, fourth = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for i in range(played.shape[1]):
        value = component(track_vectors, row, i)
        first += value * played[start, i]
        second += value * played[start + np.uint32(1), i]
        third += value * played[start + np.uint32(2), i]
        fourth += value * played[start + np.uint32(3), i]
    return max(max(first, second), max(third, fourth))


@numba.njit(cache=True, nogil=True)
def _gather(track_vectors, rows, found):  # type: ignore[no-untyped-def]
    """Read the vectors of rows [h], -1 left out, and repeat the last to make their number one of fours; returns how many."""
    count = 0
    for row in rows:
        for i in range(found.shape[1] if row >= 0 else 0):
            found[count, i] = component(track_vectors, row, i)
        count += row >= 0
    for more in range(count, count + TOGETHER - 1 if count else 0):
        found[more] = found[count - 1]
    return count


@numba.njit(cache=True, nogil=True)
def _add_up(track_vectors, rows, sums):  # type: ignore[no-untyped-def]
    """Add the vectors of padded rows [n, h] to sums [n, dim]."""
    for query in range(len(rows)):
        for row in rows[query]:
            for i in range(width(track_vectors) if row >= 0 else 0):
                sums[query, i] += component(track_vectors, row, i)
