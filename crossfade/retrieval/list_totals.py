"""Sums of a query's lists for the tracks that may be among its best, for the kernels of `strong_lists`.

Numba infers types, so its functions carry none. Matrices are (offsets, columns, values), spans are (first, last + 1) of a
query's entries, lists of tracks are as `RankedLists.narrow` and `beside`. What a query says of lists is (the place of each
among the query's entries [num_lists + 1], 0 for none; its weight [2 (num_lists + 1)], and behind it the same once more, but -inf
where the list is strong).
"""

from typing import Final

import numba
import numpy as np

from crossfade.retrieval.sparse import BUCKET_BITS, border_of

# Sums of single floats in another order differ by less.
ROUNDING: Final = 1e-5
SMALLEST: Final = np.finfo(np.float32).smallest_subnormal


@numba.njit(cache=True, nogil=True)
def end_of_broad(ours, span, num_broad):  # type: ignore[no-untyped-def]
    """Return the first of a query's entries that is not of a broad list."""
    entry = span[0]
    while entry < span[1] and ours[1][entry] < num_broad:
        entry += 1
    return entry


@numba.njit(cache=True, nogil=True)
def is_same(ours, span, other):  # type: ignore[no-untyped-def]
    """Tell whether two spans of entries have the same lists with the same weights."""
    same = span[1] - span[0] == other[1] - other[0]
    for place in range(span[1] - span[0] if same else 0):
        first, second = span[0] + place, other[0] + place
        same = same and ours[1][first] == ours[1][second] and ours[2][first] == ours[2][second]
    return same


@numba.njit(cache=True, nogil=True)
def add_broad(ours, lists, span, of_broad, broad):  # type: ignore[no-untyped-def]
    """Add the lists of a span to of_broad [num_listed], zeros before.

    Returns how many tracks they have: their columns and sums stand in broad, each once.
    """
    (columns, sums), count = broad, 0
    for entry in range(span[0], span[1]):
        row, weight = ours[1][entry], ours[2][entry]
        for link in range(lists[0][row], lists[0][row + 1]):
            column, added = lists[1][link], weight * lists[2][link]
            columns[count] = column
            count += (of_broad[column] == 0) & (added > 0)
            of_broad[column] += added
    for place in range(count):
        sums[place] = of_broad[columns[place]]
    return count


@numba.njit(cache=True, nogil=True)
def weigh(ours, span, firsts, least, said):  # type: ignore[no-untyped-def]
    """Note what a query says of the lists of a span; strong ones are those that give their first track the least or more."""
    entries, weights = said
    for entry in range(span[0], span[1]):
        row, weight = ours[1][entry], ours[2][entry]
        entries[row], weights[row] = entry - span[0] + 1, weight
        weights[len(entries) + row] = -np.inf if weight * firsts[row] >= least else weight


@numba.njit(cache=True, nogil=True)
def forget(ours, span, said):  # type: ignore[no-untyped-def]
    """Set what `weigh` noted to 0 again."""
    entries, weights = said
    for entry in range(span[0], span[1]):
        row = ours[1][entry]
        entries[row], weights[row], weights[len(entries) + row] = 0, 0, 0


@numba.njit(cache=True, nogil=True)
def surely_reached(ours, lists, span, rule, k):  # type: ignore[no-untyped-def]
    """Return what the k-th best sum surely reaches by one of the strong lists of a span alone, 0 if none has so many tracks."""
    (firsts, least), reached = rule, np.float32(0)
    for entry in range(span[0], span[1]):
        row, weight = ours[1][entry], ours[2][entry]
        kth = lists[0][row] + k - 1
        if weight * firsts[row] >= least and kth < lists[0][row + 1]:
            reached = max(reached, weight * lists[2][kth])
    return reached


@numba.njit(cache=True, nogil=True)
def candidates(ours, lists, of_tracks, query, wanted, scratch):  # type: ignore[no-untyped-def]
    """Find the tracks that may be among a query's best: those of its strong lists and the best of the broad ones.

    Args:
        ours: The queries' entries.
        lists: The lists.
        of_tracks: The narrow lists of tracks, and those by entry.
        query: Its span of narrow lists, their first values and the least of a strong one, the weights that it says, and the
            broad ones' sums of all tracks [num_listed].
        wanted: Counts of buckets, k, the most that weak lists give a track, and what the k-th best sum surely reaches.
        scratch: The broad lists' columns and sums, and room for columns and sums.

    Returns:
        How many columns and sums there are, sums of single floats in some order, and what the k-th of them surely reaches.
    """
    (span, (firsts, least), weights, of_broad), (counts, k, spare, reached) = query, wanted
    broad, (columns, sums) = scratch
    least_sum = max(reached * np.float32(1 - ROUNDING), SMALLEST)
    count = _of_broad_lists(broad, of_tracks[0], (weights, spare, least_sum), (columns, sums))
    for entry in range(span[0], span[1]):
        row = ours[1][entry]
        if ours[2][entry] * firsts[row] >= least:
            links = lists[0][row], lists[0][row + 1], lists[0][-1] - of_tracks[1][0].shape[1]
            room = columns, sums, count
            count = _of_list(lists[1], links, of_tracks[1], (weights, of_broad, least_sum), room)
    return count, max(least_sum, floor_of(sums[:count], counts, k) * np.float32(1 - ROUNDING))


@numba.njit(cache=True, nogil=True)
def _of_broad_lists(broad, narrow, query, found):  # type: ignore[no-untyped-def]
    """Fill found with the tracks of broad lists that stand in no strong one and whose sums reach the least."""
    (lists, values), (weights, spare, least_sum), (columns, sums), count = narrow, query, found, 0
    barred = np.uint32(len(weights) // 2)
    for place in range(len(broad[0])):
        if broad[1][place] + spare >= least_sum:
            column, total = broad[0][place], broad[1][place]
            for slot in range(lists.shape[1]):
                total += weights[lists[column, slot] + barred] * values[column, slot]
            columns[count], sums[count] = column, total
            count += total >= least_sum
    return count


@numba.njit(cache=True, nogil=True)
def _of_list(all_columns, links, beside, query, found):  # type: ignore[no-untyped-def]
    """Append the tracks of one strong list that stand in none before it and whose sums reach the least.

    Links are the list's first entry, the one behind its last, and the first of all narrow lists.
    """
    (lists, values), (weights, of_broad, least_sum), (columns, sums, count) = beside, query, found
    num_links, start, place = links[1] - links[0], count, links[0] - links[2]
    added = sums[start : start + num_links]
    for link in range(num_links):
        added[link] = of_broad[all_columns[links[0] + link]]
    for slot in range(lists.shape[0]):
        rows, given = lists[slot, place : place + num_links], values[slot, place : place + num_links]
        for link in range(num_links):
            added[link] += weights[rows[link]] * given[link]
    for link in range(num_links):
        columns[count], sums[count] = all_columns[links[0] + link], added[link]
        count += added[link] >= least_sum
    return count


@numba.njit(cache=True, nogil=True)
def sum_in_order(narrow, query, floor, few, found):  # type: ignore[no-untyped-def]
    """Keep the columns whose sums reach the floor, and sum them anew in the order of the query's entries.

    Few is room for the narrow lists of a track. Returns how many are kept.
    """
    ((entries, weights), of_broad), (columns, sums, count), kept = query, found, 0
    for place in range(count):
        if sums[place] >= floor:
            column = columns[place]
            columns[kept], sums[kept] = column, of_broad[column]
            for slot in range(_in_order(narrow, column, entries, few)):
                sums[kept] += weights[few[0][slot]] * few[1][slot]
            kept += 1
    return kept


@numba.njit(cache=True, nogil=True)
def _in_order(narrow, column, entries, few):  # type: ignore[no-untyped-def]
    """Sort the lists of a track that a query weighs into few (lists, values), by the query's entries; returns how many."""
    (order, chosen), count = few, 0
    for link in range(narrow[0].shape[1]):
        row = narrow[0][column, link]
        if entries[row] > 0:
            slot = count
            while slot > 0 and entries[order[slot - 1]] > entries[row]:
                order[slot], chosen[slot] = order[slot - 1], chosen[slot - 1]
                slot -= 1
            order[slot], chosen[slot] = row, narrow[1][column, link]
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def floor_of(sums, counts, k):  # type: ignore[no-untyped-def]
    """Return what the k-th largest of sums surely reaches, 0 where there are fewer."""
    border, _ = border_of(sums, sums.view(np.int32), counts, k)
    bits = np.array([border << BUCKET_BITS if border >= 0 else 0], np.int32)
    return bits.view(np.float32)[0]
