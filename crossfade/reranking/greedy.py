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
from crossfade.reranking.caps import count_kinds, is_capped, is_of_full_kind, most_of_kinds
from crossfade.schema.ids import Rows

# Smooths the slate's genre mix with the listener's, so that a genre not yet in the slate costs much but not
# infinitely (Steck 2018 uses the same value).
SMOOTHING: Final = 0.01
FIRST: Final = 32  # candidates whose vectors are asked of memory beforehand; some fifty are compared
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


class _Ranked(NamedTuple):
    """One listener's candidates, best first: rows, fixed part of the gain, genres.

    Args:
        rows: [c] int32.
        base: [c] float64.
        genres: [c, 1 + g] int32, the number of genres, then the genres' places in the profile, -1 elsewhere.
        kinds: [c, 2] int8, see `select`.
    """

    rows: Rows
    base: npt.NDArray[np.float64]
    genres: Rows
    kinds: npt.NDArray[np.int8]


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
        known = rows[query][ordered]
        for place in range(min(len(known), FIRST)):
            fetch_row(tracks.vectors, known[place], 4 * width(tracks.vectors))
        base = _base(scores[query][ordered], tracks.popularity[known], weights)
        local = _local_genres(known, tracks.genre_rows, local_genre)
        ranked = _Ranked(known, base, local, kinds[query][ordered])
        places = _select_one(ranked, tracks, profiles[1][query][:num_genres], (weights, limits), k)
        for slot in range(len(places)):
            chosen[query, slot] = ordered[places[slot]]
        for place in range(num_genres):
            local_genre[profile[place]] = -1
    return chosen


@numba.njit(cache=True, nogil=True)
def _base(scores, popularity, weights):  # type: ignore[no-untyped-def]
    """Return what of a gain stays while the slate grows: relevance, spread to 0..1, less popularity."""
    base = np.zeros(len(scores))
    if len(scores):
        lowest, spread = float(scores[-1]), float(scores[0]) - float(scores[-1])
        for i in range(len(scores)):
            relevance = (scores[i] - lowest) / spread if spread > 0 else 1.0
            base[i] = (1 - weights.diversity) * relevance - weights.popularity_penalty * popularity[i]
    return base


@numba.njit(cache=True, nogil=True)
def _local_genres(rows, genre_rows, local_genre):  # type: ignore[no-untyped-def]
    found = np.full((len(rows), 1 + genre_rows.shape[1]), -1, np.int32)
    for i in range(len(rows)):
        if i + AHEAD < len(rows):
            fetch(genre_rows, rows[i + AHEAD], 0)
        num_genres = 0
        for j in range(genre_rows.shape[1]):
            genre = genre_rows[rows[i], j]
            if genre >= 0:
                num_genres += 1
                found[i, 1 + j] = local_genre[genre]
        found[i, 0] = num_genres
    return found


@numba.njit(cache=True, nogil=True)
def _select_one(ranked, tracks, shares, rules, k):  # type: ignore[no-untyped-def]
    """Choose greedily for one listener; candidates stand best first, so ties go to the earlier.

    Similarity to the slate only grows, so a stale one bounds a track's gain from above, and most tracks are
    passed over without a product of vectors (lazy evaluation, Minoux 1978).
    """
    weights, limits = rules
    counts = np.zeros((2, 2), np.int64)
    num_tracks, base, best_after = len(ranked.rows), ranked.base, _best_after(ranked.base)
    similarity, seen = np.zeros(num_tracks), np.zeros(num_tracks, np.int32)
    gone = np.zeros(num_tracks, np.bool_)
    mass, gains, most = np.zeros(len(shares)), np.zeros((0, 0)), 0.0
    places, chosen = np.empty(k, np.int32), np.empty(k, np.int32)
    calibrated = weights.calibration > 0 and len(shares) > 0
    most_genres = max(ranked.genres[:, 0].max(), 1) if num_tracks else 1
    vectors = np.zeros((k + TOGETHER, width(tracks.vectors)), np.float32)
    for slot in range(min(k, num_tracks)):
        if calibrated:
            gains = weights.calibration * _genre_gains(shares, mass, slot + 1, most_genres)
            most = _most(gains)
        best, best_place = -np.inf, -1
        for i in range(num_tracks):
            if best_after[i] + most <= best:
                break
            if gone[i] or base[i] - weights.diversity * similarity[i] + most <= best:
                continue
            fixed = base[i] + _genre_gain(ranked.genres[i], gains) if calibrated else base[i]
            if fixed - weights.diversity * similarity[i] <= best:
                continue
            gone[i] = is_of_full_kind(ranked.kinds[i], counts, limits) or is_capped(
                ranked.rows[i], chosen[:slot], tracks, weights
            )
            if gone[i]:
                continue
            if weights.diversity > 0:
                since = vectors[seen[i] : slot + TOGETHER]
                similarity[i] = max(similarity[i], _likeness(ranked.rows[i], since, tracks.vectors))
                seen[i] = slot
            if fixed - weights.diversity * similarity[i] > best:
                best, best_place = fixed - weights.diversity * similarity[i], i
        if best_place < 0:
            return places[:slot]
        places[slot], chosen[slot], gone[best_place] = best_place, ranked.rows[best_place], True
        for i in range(vectors.shape[1]):
            vectors[slot, i] = component(tracks.vectors, ranked.rows[best_place], i)
        _add_genres(mass, ranked.genres[best_place])
        count_kinds(ranked.kinds[best_place], counts)
    return places[: min(k, num_tracks)]


@numba.njit(cache=True, nogil=True)
def _best_after(base):  # type: ignore[no-untyped-def]
    best = base.copy()
    for i in range(len(base) - 2, -1, -1):
        best[i] = max(base[i], best[i + 1])
    return best


@numba.njit(cache=True, nogil=True)
def _genre_gains(shares, mass, size, width):  # type: ignore[no-untyped-def]
    """Return [genres, width]: how far the divergence falls by a genre's part in a track of w + 1 genres."""
    gains = np.empty((len(shares), width))
    for genre in range(len(shares)):
        share = shares[genre]
        before = math.log((1 - SMOOTHING) * mass[genre] / size + SMOOTHING * share)
        for w in range(width):
            mixed = (1 - SMOOTHING) * (mass[genre] + 1.0 / (w + 1)) / size + SMOOTHING * share
            gains[genre, w] = share * (math.log(mixed) - before)
    return gains


@numba.njit(cache=True, nogil=True)
def _most(gains):  # type: ignore[no-untyped-def]
    """Return the most that calibration can give any track in this step."""
    most = 0.0
    for genre in range(gains.shape[0]):
        for w in range(gains.shape[1]):
            most = max(most, (w + 1) * gains[genre, w])
    return most


@numba.njit(cache=True, nogil=True)
def _genre_gain(genres, gains):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(1, len(genres)):
        if genres[j] >= 0:
            total += gains[genres[j], genres[0] - 1]
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
