"""How near each candidate is to a query's own history: by artist, album, genre and vector."""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats, Queries
from crossfade.features.tallies import artist_tallies, plays_log
from crossfade.features.vectors import TrackVectors, component, readable, width
from crossfade.schema.ids import Rows

Columns = dict[str, npt.NDArray[np.floating]]

LAST_POSITIVES: Final = 20  # whose mean vector stands for the user
ARTIST_TALLIES: Final = (
    "user_artist_listens_log",
    "user_artist_strength",
    "user_artist_share",
    "user_artist_days_since_last",
    "user_artist_in_last_session",
)
LAST_OF_SESSION: Final = 20  # tracks of the last session that a candidate is compared with


def artist_affinities(queries: Queries, rows: Rows, catalogue: Catalogue, *, has_time: bool) -> Columns:
    """Return what n queries did with the artist and album of each candidate.

    Args:
        queries: n queries.
        rows: [n, c] int32 tracks, no padding.
        catalogue: The tracks.
        has_time: Whether times mean something.

    Returns:
        Feature -> [n, c]: 0 for artists and albums that are new to the user or unknown, NaN for times of them.
    """
    artists = catalogue.artist_rows
    found = artist_tallies(queries, artists[queries.track_rows], artists[rows], has_time=has_time)
    liked, albums = queries.positives, catalogue.album_rows
    of_albums = plays_log(liked, albums[liked.track_rows], albums[rows])
    return {**dict(zip(ARTIST_TALLIES, found, strict=True)), "user_album_listens_log": of_albums}


def genre_affinities(queries: Queries, rows: Rows, catalogue: Catalogue) -> Columns:
    """Return the cosine of each candidate's genres [n, c] with those of all, and of the last session's, positives.

    NaN where the track has no genres or the history has none.
    """
    liked = queries.positives
    session = liked.last_sessions
    return {
        "user_genre_affinity": _genre_cosine(liked, rows, catalogue),
        "session_genre_affinity": _genre_cosine(session, rows, catalogue),
    }


def typicality(genres: Rows) -> npt.NDArray[np.float64]:
    """Return 1 for a track's most typical genre, then 1/2, 1/3 ... [..., g] float64, 0 where padded."""
    return np.where(genres >= 0, 1 / (1 + np.arange(genres.shape[-1])), 0.0)


def _genre_cosine(liked: Queries, rows: Rows, catalogue: Catalogue) -> Floats:
    """Compare genre profiles of histories with the genres of candidates [n, c]."""
    num_genres, cosines = len(catalogue.genres), np.full(rows.shape, np.nan, np.float32)
    scratch = (np.zeros(num_genres), np.empty(num_genres, np.int32))
    _genre_cosines((liked.offsets, liked.track_rows), (rows, catalogue.genre_rows), scratch, cosines)
    return cosines


@numba.njit(cache=True, nogil=True)
def _genre_cosines(histories, tracks, scratch, cosines):  # type: ignore[no-untyped-def]
    """Fill cosines [n, c] of tracks' genres with histories' where both have a length; genres weigh as in `typicality`.

    Scratch is the mass of genres [num_genres], 0 before and after, and room for those that have any.
    """
    (offsets, played), (rows, genre_rows), (mass, heard) = histories, tracks, scratch
    for query in range(len(rows)):
        count, squares = 0, 0.0
        for entry in range(offsets[query], offsets[query + 1]):
            for i in range(genre_rows.shape[1]):
                genre = genre_rows[played[entry], i]
                if genre >= 0:
                    if mass[genre] == 0.0:
                        heard[count] = genre
                        count += 1
                    mass[genre] += 1.0 / (1 + i)
        for place in range(count):
            squares += mass[heard[place]] * mass[heard[place]]
        _compare_genres(rows[query], genre_rows, (mass, np.sqrt(squares)), cosines[query])
        for place in range(count):
            mass[heard[place]] = 0.0


@numba.njit(cache=True, nogil=True)
def _compare_genres(tracks, genre_rows, profile, cosines):  # type: ignore[no-untyped-def]
    """Fill cosines [c] of tracks' genres with a profile (mass of genres, length) where both have a length."""
    mass, norm = profile
    for track in range(len(tracks) if norm > 0 else 0):
        product, squares = 0.0, 0.0
        for i in range(genre_rows.shape[1]):
            genre, weight = genre_rows[tracks[track], i], 1.0 / (1 + i)
            if genre >= 0:
                squares += weight * weight
                product += mass[genre] * weight
        if squares > 0:
            cosines[track] = product / (norm * np.sqrt(squares))


def vector_affinities(queries: Queries, rows: Rows, track_vectors: TrackVectors) -> Columns:
    """Return the cosine of each candidate's vector with those of the history, NaN for an empty history.

    The user's is with the mean of the last 20 positives; the session's is the largest with one of the last session's
    last 20 positives.
    """
    liked, vectors = queries.positives, readable(track_vectors)
    sums = np.zeros((len(queries), track_vectors.shape[1]), np.float32)
    _add_up(vectors, liked.last_tracks(LAST_POSITIVES), sums)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = sums / np.where(lengths > 0, lengths, np.nan)
    last = liked.last_sessions.last_tracks(LAST_OF_SESSION)
    found = np.empty((2, *rows.shape), np.float32)
    _cosines(vectors, rows.astype(np.int32, copy=False), (means.astype(np.float32), last), found)
    return {"user_track_vector_cosine": found[0], "session_track_vector_cosine": found[1]}


def products(track_vectors: TrackVectors, rows: Rows, vectors: Floats) -> Floats:
    """Return the inner products [n, c] of tracks [n, c] with a vector of each query [n, dim]."""
    found = np.empty(rows.shape, np.float32)
    _multiply(readable(track_vectors), rows, np.ascontiguousarray(vectors), found)
    return found


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _multiply(track_vectors, rows, vectors, found):  # type: ignore[no-untyped-def]
    for query in range(len(rows)):
        for place in range(rows.shape[1]):
            product = np.float32(0)
            for i in range(width(track_vectors)):
                product += component(track_vectors, rows[query, place], i) * vectors[query, i]
            found[query, place] = product


# Compiled, since a stack of small matrix products keeps BLAS' threads waiting for each other: seconds a batch on a
# machine with other work. Both products in one pass, since a track's vector is far away in memory.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _cosines(track_vectors, rows, histories, found):  # type: ignore[no-untyped-def]
    """Fill found [2, n, c] with each track's cosine with its query's mean [n, dim], and the largest with its history's.

    Histories are padded rows [n, h]; the largest of none is NaN.
    """
    means, histories_rows = histories
    for query in range(len(rows)):
        played = _vectors_of(track_vectors, histories_rows[query][histories_rows[query] >= 0])
        for place in range(rows.shape[1]):
            row, product = rows[query, place], np.float32(0)
            for i in range(width(track_vectors)):
                product += component(track_vectors, row, i) * means[query, i]
            found[0, query, place] = product
            best = np.float32(-np.inf) if len(played) else np.float32(np.nan)
            for other in range(len(played)):
                cosine = np.float32(0)
                for i in range(width(track_vectors)):
                    cosine += component(track_vectors, row, i) * played[other, i]
                best = max(best, cosine)
            found[1, query, place] = best


@numba.njit(cache=True, nogil=True)
def _vectors_of(track_vectors, rows):  # type: ignore[no-untyped-def]
    found = np.empty((len(rows), width(track_vectors)), np.float32)
    for place in range(len(rows)):
        for i in range(found.shape[1]):
            found[place, i] = component(track_vectors, rows[place], i)
    return found


@numba.njit(cache=True, nogil=True)
def _add_up(track_vectors, rows, sums):  # type: ignore[no-untyped-def]
    """Add the vectors of padded rows [n, h] to sums [n, dim]."""
    for query in range(len(rows)):
        for row in rows[query]:
            for i in range(width(track_vectors) if row >= 0 else 0):
                sums[query, i] += component(track_vectors, row, i)
