"""The kernels behind `session_knn`: which sessions are alike, and what they vote for.

Numba infers types, so its functions carry none. Matrices are (offsets, columns, values), keys are those of `sparse.keep_best`.
Scratch is zeros before and after: [num_tracks or num_sessions, whichever are more] as int32 and as float32, and counts [BUCKETS].
"""

import numba
import numpy as np

from crossfade.retrieval.sparse import MOST_BITS, NO_KEY, keep_best
from crossfade.retrieval.sparse_rows import multiply_row


@numba.njit(cache=True, nogil=True)
def compare(histories, by_track, recent, scratch, keys):  # type: ignore[no-untyped-def]
    """Fill keys [n, neighbours], in no order, with the sessions most like the last one of each history.

    Args:
        histories: Offsets [n + 1], tracks [m] and sessions [m] of wanted plays.
        by_track: Of each track its sessions and what it has of their length.
        recent: So many of the newest sessions that share a track are compared.
        scratch: As above.
        keys: To write to.
    """
    places, totals, counts = scratch
    bounds = np.zeros(2, np.int64)
    for query in range(len(keys)):
        size = histories[0][query + 1] - histories[0][query]
        asked = np.empty(size, np.int32), np.empty(size, np.float32)
        bounds[1] = _weigh_last(histories, query, places, asked)
        most = _most(bounds[1], asked[0], by_track[0])
        columns, sums = np.empty(most, np.int32), np.empty(most, np.float32)
        count = multiply_row((bounds, *asked), by_track, 0, (columns, sums), totals, 0)
        if count > recent:
            drop_oldest(columns[:count], sums[:count], recent, counts)
        keys[query] = NO_KEY
        keep_best(columns[:count], sums[:count], counts, keys[query])


@numba.njit(cache=True, nogil=True)
def vote(alike, sessions, scratch, keys):  # type: ignore[no-untyped-def]
    """Fill keys [n, k], in no order, with the tracks that the sessions of sorted keys [n, neighbours] have together.

    Scratch is float32 zeros and counts, as above.
    """
    (totals, counts), bounds = scratch, np.zeros(2, np.int64)
    nearest, likeness = np.empty(alike.shape[1], np.int32), np.empty(alike.shape[1], np.float32)
    for query in range(len(keys)):
        count = 0
        while count < alike.shape[1] and alike[query, count] < NO_KEY:
            nearest[count] = alike[query, count] & MOST_BITS
            likeness.view(np.int32)[count] = MOST_BITS - (alike[query, count] >> 31)
            count += 1
        bounds[1] = count
        most = _most(count, nearest, sessions[0])
        columns, sums = np.empty(most, np.int32), np.empty(most, np.float32)
        count = multiply_row((bounds, nearest, likeness), sessions, 0, (columns, sums), totals, 0)
        keys[query] = NO_KEY
        keep_best(columns[:count], sums[:count], counts, keys[query])


@numba.njit(cache=True, nogil=True)
def _weigh_last(histories, query, places, asked):  # type: ignore[no-untyped-def]
    """Fill asked (tracks, weights) with the last session of a history; returns how many tracks it has.

    One that was played g tracks ago weighs 1 / (1 + g)^2.
    """
    (offsets, tracks, sessions), (columns, weights) = histories, asked
    first, last, length, count = offsets[query], offsets[query + 1], 0, 0
    for entry in range(first, last):
        length += sessions[entry] == sessions[last - 1]
    for entry in range(first, last):
        if sessions[entry] != sessions[last - 1]:
            continue
        if places[tracks[entry]] == 0:
            columns[count], weights[count] = tracks[entry], 0.0
            count += 1
            places[tracks[entry]] = count
        weights[places[tracks[entry]] - 1] += np.float32(1.0 / (length * length))
        length -= 1
    for place in range(count):
        places[columns[place]] = 0
    return count


@numba.njit(cache=True, nogil=True)
def _most(count, rows, offsets):  # type: ignore[no-untyped-def]
    """Return the room that the first rows of a product need (`multiply_row`)."""
    most = np.int64(1)
    for place in range(count):
        most += offsets[rows[place] + 1] - offsets[rows[place]]
    return most


@numba.njit(cache=True, nogil=True)
def drop_oldest(columns, values, recent, counts):  # type: ignore[no-untyped-def]
    """Set the values of all but the last `recent` of distinct columns [m] to 0: buckets of columns, then those of one bucket."""
    highest, shift = 0, 0
    for column in columns:
        highest = max(highest, column)
    while highest >> shift >= len(counts):
        shift += 1
    counts[:] = 0
    for column in columns:
        counts[column >> shift] += 1
    bucket, newer = highest >> shift, 0
    while newer + counts[bucket] < recent:
        newer += counts[bucket]
        bucket -= 1
    counts[:] = 0
    for column in columns:
        if column >> shift == bucket:
            counts[column - (bucket << shift)] = 1
    oldest = (1 << shift) - 1
    while newer + counts[oldest] < recent:
        newer += counts[oldest]
        oldest -= 1
    for place in range(len(columns)):
        if columns[place] < (bucket << shift) + oldest:
            values[place] = 0
