"""Sums of a query's strong lists over all listed tracks, for the kernels of `strong_lists`.

Numba infers types, so its functions carry none. Matrices are (offsets, columns, values); rules are the first value of each
list, how many lists are broad, and room for the largest few.
"""

from typing import Final

import numba
import numpy as np

from crossfade.retrieval.sparse import BUCKET_BITS, border_of

# Sums of single floats in another order differ by less.
ROUNDING: Final = 1e-5
SMALLEST: Final = np.finfo(np.float32).smallest_subnormal


@numba.njit(cache=True, nogil=True)
def is_strong(ours, entry, firsts, num_broad, least):  # type: ignore[no-untyped-def]
    """Tell whether a query's entry is of a broad list, or of one whose first track gets the least or more."""
    row = ours[1][entry]
    return row < num_broad or ours[2][entry] * firsts[row] >= least


@numba.njit(cache=True, nogil=True)
def add_lists(ours, lists, span, rule, totals):  # type: ignore[no-untyped-def]
    """Add the strong lists to totals [2, num_listed], of which the second row is of the broad ones alone.

    No entry is asked whether its track came before: lists are added to the totals of all and then read from there.
    """
    (firsts, num_broad, _), least = rule
    for entry in range(span[0], span[1]):
        row, weight = ours[1][entry], ours[2][entry]
        if is_strong(ours, entry, firsts, num_broad, least):
            for link in range(lists[0][row], lists[0][row + 1]):
                column = lists[1][link]
                totals[0, column] += weight * lists[2][link]
                if row < num_broad:
                    totals[1, column] = totals[0, column]


@numba.njit(cache=True, nogil=True)
def read_totals(ours, lists, rule, wanted, scratch):  # type: ignore[no-untyped-def]
    """Read what the strong lists add up to, and clear totals [num_listed].

    The heads of the lists tell what the k-th best surely reaches, so that most of the rest is passed over.

    Returns:
        How many columns and sums there are that may be among the best k, and what the k-th surely reaches.
    """
    (counts, k, spare), (_, columns, sums) = wanted, scratch
    count = _read_part(ours, lists, rule, (0, k, 0, SMALLEST), scratch)
    floor = _floor(sums[:count], counts, k)
    least = max(floor - spare, SMALLEST)
    count = _survivors((columns, sums), count, least)
    return _read_part(ours, lists, rule, (k, lists[0][-1], count, least), scratch), floor


@numba.njit(cache=True, nogil=True)
def _read_part(ours, lists, rule, part, scratch):  # type: ignore[no-untyped-def]
    """Read places start:stop of each strong list, and clear them; returns how many reach the least with those before."""
    (span, (firsts, num_broad, _), least), (totals, columns, sums) = rule, scratch
    start, stop, count, least_sum = part
    for entry in range(span[0], span[1]):
        row = ours[1][entry]
        if is_strong(ours, entry, firsts, num_broad, least):
            first = lists[0][row]
            for link in range(first + start, min(first + stop, lists[0][row + 1])):
                column = lists[1][link]
                total = totals[column]
                totals[column] = 0  # so that a later list finds nothing
                columns[count], sums[count] = column, total
                count += total >= least_sum
    return count


@numba.njit(cache=True, nogil=True)
def clear_broad(ours, lists, span, rules, totals):  # type: ignore[no-untyped-def]
    """Set totals [num_listed] of a query's broad lists to 0."""
    for entry in range(span[0], span[1]):
        row = ours[1][entry]
        if row < rules[1]:
            for link in range(lists[0][row], lists[0][row + 1]):
                totals[lists[1][link]] = 0


@numba.njit(cache=True, nogil=True)
def _floor(sums, counts, k):  # type: ignore[no-untyped-def]
    """Return what the k-th largest of sums surely reaches, 0 where there are fewer."""
    border, _ = border_of(sums, sums.view(np.int32), counts, k)
    bits = np.array([border << BUCKET_BITS if border >= 0 else 0], np.int32)
    return bits.view(np.float32)[0] * np.float32(1 - ROUNDING)


@numba.njit(cache=True, nogil=True)
def _survivors(found, count, least):  # type: ignore[no-untyped-def]
    """Keep columns whose sums reach the least; returns how many."""
    columns, sums = found
    kept = 0
    for place in range(count):
        columns[kept], sums[kept] = columns[place], sums[place]
        kept += sums[place] >= least
    return kept
