"""The numba kernel behind `rerank`: one greedy pass a listener, lazily evaluated.

Numba infers types, so its functions carry none; it reads named tuples, so those stand here, not dataclasses.
Everything is per listener, so a batch equals its singles.
"""

import math
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.prefetching import AHEAD, fetch, fetch_row
from crossfade.features.vectors import component, width
from crossfade.reranking.caps import count_kinds, is_full, is_of_full_kind, most_of_kinds
from crossfade.schema.ids import Rows

# Smooths the slate's genre mix with the listener's, so that a genre not yet in the slate costs much but not
# infinitely (Steck 2018 uses the same value).
SMOOTHING: Final = 0.01
TOGETHER_READ: Final = 32  # candidates that are read at once; of five hundred some hundred are ever looked at
ROUNDING: Final = 1e-9  # of a bound; far more than sums of logarithms differ by
TOGETHER: Final = 4  # chosen vectors that a track is compared with in one go
ANY_SHARE: Final = (0.0, 1.0)


class TrackColumns(NamedTuple):
    """What reranking reads of a track, over all track rows.

    Args:
        artist_rows: [num_tracks] int32, -1 unknown (never capped).
        album_rows: [num_tracks] int32, -1 unknown (never capped).
        genre_rows: [num_tracks, g] int32, padded with -1.
        num_genres: Genre rows are below it.
        popularity: [num_tracks] float32 in 0..1.
        vectors: [num_tracks, dim], L2-normalised; from `features.vectors.readable`.
    """

    artist_rows: Rows
    album_rows: Rows
    genre_rows: Rows
    num_genres: int
    popularity: npt.NDArray[np.float32]
    vectors: npt.NDArray[Any]


class RerankWeights(NamedTuple):
    """How strongly each aim pulls; relevance, spread to 0..1 over the candidates, weighs `1 - diversity`.

    Args:
        diversity: 0..1, weight of the likeness to the most similar track already in the slate.
        calibration: Weight of the divergence between the listener's genre mix and the slate's, in nats.
        popularity_penalty: Taken off for the most popular track; less popular ones lose in proportion.
        max_per_artist: Hard cap; 0 is none.
        max_per_album: Hard cap; 0 is none.
        new_artists: Least and most share of the k places for artists whom the listener never played.
        small_artists: ... for small artists.
    """

    diversity: float = 0.0
    calibration: float = 0.0
    popularity_penalty: float = 0.0
    max_per_artist: int = 0
    max_per_album: int = 0
    new_artists: tuple[float, float] = ANY_SHARE
    small_artists: tuple[float, float] = ANY_SHARE


class _Read(NamedTuple):
    """What was read of one listener's candidates, best first; as far as the choice has looked.

    Args:
        relevance: [c] float64, spread to 0..1 and weighed.
        base: [c] float64, the fixed part of the gain: relevance less popularity.
        at_most: [c] float64, no gain will be above it: what it was when it was last looked at, infinite before.
        genres: [c, 1 + g] int32, the number of genres, then the genres' places in the profile, -1 elsewhere.
    """

    relevance: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64]
    at_most: npt.NDArray[np.float64]
    genres: Rows


class _Mix(NamedTuple):
    """How one listener's genres steer the slate so far.

    Args:
        shares: [genres] of the listener.
        mass: [genres] of the slate.
        most: [genres] what a genre can at most give a track, in this slate or in a smaller one.
        before: [genres] log of the slate's smoothed share, NaN where nobody asked yet.
        gains: [genres, w] what a genre's part in a track of w + 1 genres adds to a gain, NaN where nobody asked yet.
    """

    shares: npt.NDArray[np.float64]
    mass: npt.NDArray[np.float64]
    most: npt.NDArray[np.float64]
    before: npt.NDArray[np.float64]
    gains: npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def select(candidates, tracks, profiles, weights, k):  # type: ignore[no-untyped-def]
    """Choose up to k places a listener.

    Args:
        candidates: (rows [n, c], scores [n, c], order [n, c]: places best first, padded rows last, kinds [n, c, 2]
            int8: 1 for a track of a new artist and of a small one, 0 for others, -1 unknown, never capped).
        tracks: `TrackColumns`.
        profiles: (genre rows [n, p], padded with -1 at the end, shares [n, p]).
        weights: `RerankWeights`.
        k: Length of a slate.

    Returns:
        [n, k] int32 places in the candidates, padded with -1.
    """
    rows, scores, order, kinds = candidates
    limits = most_of_kinds(weights, k)
    chosen = np.full((len(rows), k), -1, np.int32)
    local_genre = np.full(tracks.num_genres, -1, np.int32)
    for query in range(len(rows)):
        profile, num_genres = profiles[0][query], 0
        while num_genres < len(profile) and profile[num_genres] >= 0:
            local_genre[profile[num_genres]] = num_genres
            num_genres += 1
        ordered = order[query][: np.sum(rows[query] >= 0)]
        shares = profiles[1][query][:num_genres]
        ranked = (rows[query], scores[query], ordered, kinds[query])
        _select_one(ranked, tracks, (local_genre, shares), (weights, limits), chosen[query])
        for place in range(num_genres):
            local_genre[profile[place]] = -1
    return chosen


@numba.njit(cache=True, nogil=True)
def _read_more(ranked, tracks, local_genre, weights, read, ready):  # type: ignore[no-untyped-def]
    """Read the next candidates of those ranked, and ask memory for the vectors of the first; returns how many are read then."""
    rows, scores, ordered, _ = ranked
    lowest = float(scores[ordered[-1]])
    spread = float(scores[ordered[0]]) - lowest
    stop = min(ready + TOGETHER_READ, len(ordered))
    for i in range(ready, stop if ready == 0 else ready):
        fetch_row(tracks.vectors, rows[ordered[i]], 4 * width(tracks.vectors))
    for i in range(ready, stop):
        if i + AHEAD < len(ordered):
            fetch(tracks.genre_rows, rows[ordered[i + AHEAD]], 0)
            fetch(tracks.popularity, rows[ordered[i + AHEAD]], 0)
        track = rows[ordered[i]]
        relevance = (scores[ordered[i]] - lowest) / spread if spread > 0 else 1.0
        read.relevance[i] = (1 - weights.diversity) * relevance
        read.base[i] = read.relevance[i] - weights.popularity_penalty * tracks.popularity[track]
        num_genres = 0
        for j in range(tracks.genre_rows.shape[1]):
            genre = tracks.genre_rows[track, j]
            num_genres += genre >= 0
            read.genres[i, 1 + j] = local_genre[genre] if genre >= 0 else -1
        read.genres[i, 0] = num_genres
    return stop


@numba.njit(cache=True, nogil=True)
def _select_one(ranked, tracks, profile, rules, chosen):  # type: ignore[no-untyped-def]
    """Choose greedily for one listener; candidates stand best first, so ties go to the earlier.

    Similarity to the slate only grows and what genres add only falls, so a stale gain bounds a track's gain from above, and
    most tracks are passed over without a product of vectors or a look at their genres (lazy evaluation, Minoux 1978).
    """
    (rows, _, ordered, kinds), (weights, limits), num_tracks = ranked, rules, len(ranked[2])
    read, ready = _nothing_read(num_tracks, tracks), 0
    mix, most = _mix_of(profile[1], tracks), 0.0
    similarity, seen = np.zeros(num_tracks), np.zeros(num_tracks, np.int32)
    gone, counts = np.zeros(num_tracks, np.bool_), np.zeros((2, 2), np.int64)
    slate, calibrated = np.empty(len(chosen), np.int32), weights.calibration > 0 and len(profile[1]) > 0
    vectors = np.zeros((len(chosen) + TOGETHER, width(tracks.vectors)), np.float32)
    for slot in range(min(len(chosen), num_tracks)):
        if calibrated:
            most = weights.calibration * _renewed(mix, slot + 1)
        best, best_place = -np.inf, -1
        for i in range(num_tracks):
            if i == ready:
                ready = _read_more(ranked, tracks, profile[0], weights, read, ready)
            if read.relevance[i] + most <= best:
                break
            if gone[i] or min(read.at_most[i], read.base[i] + most) <= best:
                continue
            fixed, track = read.base[i], rows[ordered[i]]
            if calibrated:
                fixed += _genre_gain(read.genres[i], mix, slot + 1, weights.calibration)
            read.at_most[i] = fixed - weights.diversity * similarity[i] + ROUNDING
            if fixed - weights.diversity * similarity[i] <= best:
                continue
            gone[i] = (
                is_of_full_kind(kinds, ordered[i], counts, limits)
                or is_full(tracks.artist_rows, track, slate, slot, weights.max_per_artist)
                or is_full(tracks.album_rows, track, slate, slot, weights.max_per_album)
            )
            if gone[i]:
                continue
            if weights.diversity > 0:
                since = vectors[seen[i] : slot + TOGETHER]
                similarity[i] = max(similarity[i], _likeness(track, since, tracks.vectors))
                seen[i] = slot
                read.at_most[i] = fixed - weights.diversity * similarity[i] + ROUNDING
            if fixed - weights.diversity * similarity[i] > best:
                best, best_place = fixed - weights.diversity * similarity[i], i
        if best_place < 0:
            break
        chosen[slot], gone[best_place] = ordered[best_place], True
        track = rows[chosen[slot]]
        slate[slot] = track
        for i in range(vectors.shape[1]):
            vectors[slot, i] = component(tracks.vectors, track, i)
        _add_genres(mix.mass, read.genres[best_place])
        count_kinds(kinds[chosen[slot]], counts)


@numba.njit(cache=True, nogil=True)
def _nothing_read(num_tracks, tracks):  # type: ignore[no-untyped-def]
    genres = np.empty((num_tracks, 1 + tracks.genre_rows.shape[1]), np.int32)
    return _Read(np.empty(num_tracks), np.empty(num_tracks), np.full(num_tracks, np.inf), genres)


@numba.njit(cache=True, nogil=True)
def _mix_of(shares, tracks):  # type: ignore[no-untyped-def]
    gains = np.empty((len(shares), max(tracks.genre_rows.shape[1], 1)))
    return _Mix(shares, np.zeros(len(shares)), np.full(len(shares), np.inf), np.empty(len(shares)), gains)


@numba.njit(cache=True, nogil=True)
def _renewed(mix, size):  # type: ignore[no-untyped-def]
    """Forget the gains of a smaller slate; returns what calibration can at most give a track in one of so many, unweighed.

    A genre gives most to a track of many genres, all of them wanted like this one, since the logarithm is concave. What it
    gives only falls as the slate grows, so an old bound that is not above another's is not told anew.
    """
    mix.before[:] = np.nan
    mix.gains[:] = np.nan
    most, num_genres = 0.0, mix.gains.shape[1]
    for genre in range(len(mix.shares)):
        if mix.most[genre] > most:
            smoothed = (1 - SMOOTHING) * mix.mass[genre] / size + SMOOTHING * mix.shares[genre]
            more = (1 - SMOOTHING) / (num_genres * size * smoothed)
            mix.most[genre] = num_genres * mix.shares[genre] * math.log(1.0 + more)
            most = max(most, mix.most[genre])
    return most * (1 + ROUNDING)


@numba.njit(cache=True, nogil=True)
def _genre_gain(genres, mix, size, calibration):  # type: ignore[no-untyped-def]
    """Return how far the divergence falls by a track's genres, weighed; each genre's part is told once a slate."""
    total, w = 0.0, genres[0] - 1
    for j in range(1, len(genres)):
        genre = genres[j]
        if genre < 0:
            continue
        if np.isnan(mix.gains[genre, w]):
            share = mix.shares[genre]
            if np.isnan(mix.before[genre]):
                mix.before[genre] = math.log((1 - SMOOTHING) * mix.mass[genre] / size + SMOOTHING * share)
            mixed = (1 - SMOOTHING) * (mix.mass[genre] + 1.0 / (w + 1)) / size + SMOOTHING * share
            mix.gains[genre, w] = calibration * (share * (math.log(mixed) - mix.before[genre]))
        total += mix.gains[genre, w]
    return total


@numba.njit(cache=True, nogil=True)
def _add_genres(mass, genres):  # type: ignore[no-untyped-def]
    for j in range(1, len(genres)):
        if genres[j] >= 0:
            mass[genres[j]] += 1.0 / genres[0]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _likeness(track, chosen, vectors):  # type: ignore[no-untyped-def]
    """Return the track's largest cosine with chosen vectors [m + 4, dim], at least 0; the last four are zeros."""
    likeness = np.float32(0)
    for other in range(0, len(chosen) - TOGETHER, TOGETHER):
        first, second, third, fourth = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for i in range(chosen.shape[1]):
            value = component(vectors, track, i)
            first += value * chosen[other, i]
            second += value * chosen[other + 1, i]
            third += value * chosen[other + 2, i]
            fourth += value * chosen[other + 3, i]
        likeness = max(likeness, max(max(first, second), max(third, fourth)))
    return likeness
