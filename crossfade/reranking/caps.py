"""Hard caps of a slate, for the kernels: tracks of an artist, of an album, and of a kind of artists.

Numba infers types, so its functions carry none. `weights` is `RerankWeights`, `tracks` is `TrackColumns`.
"""

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def most_of_kinds(weights, k):  # type: ignore[no-untyped-def]
    """Return [2, 2] int64: the most tracks of old and of new artists, of large and of small ones, in k places.

    A least share of one kind is a most share of the other: places kept for it stay empty where it has too few.
    """
    limits = np.empty((2, 2), np.int64)
    shares = (weights.new_artists, weights.small_artists)
    for kind in range(2):
        limits[kind, 0] = k - math.ceil(shares[kind][0] * k - 1e-9)
        limits[kind, 1] = math.floor(shares[kind][1] * k + 1e-9)
    return limits


@numba.njit(cache=True, nogil=True)
def is_of_full_kind(kinds, counts, limits):  # type: ignore[no-untyped-def]
    """Tell whether the slate holds all that it may of one of a track's kinds [2]."""
    num_full = 0
    for kind in range(2):
        num_full += kinds[kind] >= 0 and counts[kind, kinds[kind]] >= limits[kind, kinds[kind]]
    return num_full > 0


@numba.njit(cache=True, nogil=True)
def count_kinds(kinds, counts):  # type: ignore[no-untyped-def]
    """Count a chosen track's kinds [2] in counts [2, 2]."""
    for kind in range(2):
        if kinds[kind] >= 0:
            counts[kind, kinds[kind]] += 1


@numba.njit(cache=True, nogil=True)
def is_capped(track, chosen, tracks, weights):  # type: ignore[no-untyped-def]
    """Tell whether the chosen tracks are all that the slate may hold of the track's artist or album."""
    by_artist = _is_full(tracks.artist_rows, track, chosen, weights.max_per_artist)
    return by_artist or _is_full(tracks.album_rows, track, chosen, weights.max_per_album)


@numba.njit(cache=True, nogil=True)
def _is_full(groups, track, chosen, cap):  # type: ignore[no-untyped-def]
    if cap <= 0 or groups[track] < 0:
        return False
    count = 0
    for other in chosen:
        count += groups[other] == groups[track]
    return count >= cap
