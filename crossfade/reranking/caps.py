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


# Kernels ask of candidate after candidate; views and tuples as arguments would take longer to hand over than to answer.
@numba.njit(cache=True, nogil=True)
def is_of_full_kind(kinds, place, counts, limits):  # type: ignore[no-untyped-def]
    """Tell whether the slate holds all that it may of one of the kinds [c, 2] of the candidate at a place."""
    num_full = 0
    for kind in range(2):
        own = kinds[place, kind]
        num_full += own >= 0 and counts[kind, own] >= limits[kind, own]
    return num_full > 0


@numba.njit(cache=True, nogil=True)
def count_kinds(kinds, counts):  # type: ignore[no-untyped-def]
    """Count a chosen track's kinds [2] in counts [2, 2]."""
    for kind in range(2):
        if kinds[kind] >= 0:
            counts[kind, kinds[kind]] += 1


@numba.njit(cache=True, nogil=True)
def is_full(groups, track, chosen, size, cap):  # type: ignore[no-untyped-def]
    """Tell whether the first chosen tracks are all that the slate may hold of a track's group (its artist or album)."""
    if cap <= 0 or groups[track] < 0:
        return False
    count = 0
    for slot in range(size):
        count += groups[chosen[slot]] == groups[track]
    return count >= cap
