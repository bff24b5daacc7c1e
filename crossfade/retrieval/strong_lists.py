"""The best of a weighted sum of ranked lists, without reading the lists that cannot matter.

A listener's history touches many genres and lives in a few. The tracks that stand only in lists of little weight cannot reach
the best, which is known before these lists are read, since each list says what its first track gets (the idea of the threshold
algorithm, Fagin, Lotem and Naor 2003). What may still be among the best is summed anew, in the order of a product, so the
answer is that of `top_of_product` to the last bit.
"""

from dataclasses import dataclass
from typing import Final, Self

import numba
import numpy as np

from crossfade.features.interactions import Floats
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sparse import (
    BUCKET_BITS,
    BUCKETS,
    NO_KEY,
    Matrix,
    border_of,
    keep_best,
    sorted_ranking,
)
from crossfade.retrieval.sparse_rows import SparseRows, multiply_row

# A list whose best track gets less than this share of the most that any list gives is weak.
WEAK_SHARE: Final = 0.15
# What may still be among the best is looked at again, which costs about as much as reading the strong lists.
WORTH_IT: Final = 1.5
# Sums of single floats in another order differ by less.
ROUNDING: Final = 1e-5


@dataclass(frozen=True)
class RankedLists:
    """Lists of tracks, each with the best first.

    Args:
        lists: Sparse [num_lists, num_tracks] float32, positive.
        of_tracks: The lists behind the broad ones by track: sparse [num_tracks, num_lists - num_broad].
        firsts: [num_lists] float32, the first value of each list; 0 for an empty one.
        num_broad: So many first lists are always read; a track may stand in any number of them.
        most_narrow: In so many of the others a track stands at most.
    """

    lists: Matrix
    of_tracks: Matrix
    firsts: Floats
    num_broad: int
    most_narrow: int

    @classmethod
    def of(cls, lists: Matrix, num_broad: int, most_narrow: int) -> Self:
        """Prepare lists; arguments as in the class."""
        firsts = np.zeros(lists.shape[0], np.float32)
        is_filled = np.diff(lists.indptr) > 0
        firsts[is_filled] = lists.data[lists.indptr[:-1][is_filled]]
        return cls(lists, lists[num_broad:].T.tocsr(), firsts, num_broad, most_narrow)

    def top(self, weights: SparseRows, k: int) -> Ranking:
        """Return `top_of_product(weights, lists, k)`.

        Args:
            weights: Sparse [n, num_lists] float32, above 0; in each row the broad lists come first.
            k: How many.
        """
        keys = np.full((weights.shape[0], k), NO_KEY, np.int64)
        if weights.nnz and k:
            sizes = np.diff(self.lists.indptr)[weights.indices]
            most = int(np.diff(np.concatenate([[0], np.cumsum(sizes)])[weights.indptr]).max())
            found = np.empty(most, np.int32), np.empty(most, np.float32), np.empty(most, np.float32)
            scratch = (found, np.zeros(self.lists.shape[1], np.int32), np.empty(BUCKETS, np.int32))
            narrow = np.empty(self.most_narrow, np.int32), np.empty(self.most_narrow, np.float32)
            _top(
                (weights.indptr, weights.indices, weights.data),
                (self.lists.indptr, self.lists.indices, self.lists.data),
                (self.of_tracks.indptr, self.of_tracks.indices, self.of_tracks.data),
                (self.firsts, self.num_broad, np.empty(self.most_narrow, np.float32)),
                (*scratch, np.zeros(self.lists.shape[0], np.int32), narrow),
                keys,
            )
        return sorted_ranking(keys)


@numba.njit(cache=True, nogil=True)
def _top(ours, lists, of_tracks, rules, scratch, keys):  # type: ignore[no-untyped-def]
    """Fill keys [n, k]; scratch holds found columns, sums and those of broad lists, places, counts of buckets, and more."""
    (columns, sums, broad), places, counts, entries, narrow = scratch
    for query in range(len(ours[0]) - 1):
        first, last = ours[0][query], ours[0][query + 1]
        least = WEAK_SHARE * _highest(ours, first, last, rules[0])
        if not _is_worth_it(ours, lists[0], (first, last), rules, least):
            count = multiply_row(ours, lists, query, (columns, sums), places, 0)
            keep_best(columns[:count], sums[:count], counts, keys[query])
            continue
        spare = _most_of_weak(ours, (first, last), rules, least)
        count = _add_strong(ours, lists, (first, last), (rules, least), ((columns, sums, broad), places))
        floor = _floor(sums[:count], counts, keys.shape[1])
        if spare < floor:
            count = _survivors((columns, sums, broad), count, floor - spare)
            kept = columns[:count], sums[:count], broad[:count]
            _sum_anew((ours[1], ours[2]), of_tracks, (first, last, rules[1]), (entries, narrow), kept)
        else:
            count = multiply_row(ours, lists, query, (columns, sums), places, 0)
        keep_best(columns[:count], sums[:count], counts, keys[query])


@numba.njit(cache=True, nogil=True)
def _highest(ours, first, last, firsts):  # type: ignore[no-untyped-def]
    highest = np.float32(0)
    for entry in range(first, last):
        highest = max(highest, ours[2][entry] * firsts[ours[1][entry]])
    return highest


@numba.njit(cache=True, nogil=True)
def _is_strong(ours, entry, firsts, num_broad, least):  # type: ignore[no-untyped-def]
    row = ours[1][entry]
    return row < num_broad or ours[2][entry] * firsts[row] >= least


@numba.njit(cache=True, nogil=True)
def _is_worth_it(ours, offsets, span, rules, least):  # type: ignore[no-untyped-def]
    """Tell whether the weak lists are so much longer than the strong ones that leaving them out pays."""
    strong, weak = 0, 0
    for entry in range(span[0], span[1]):
        size = offsets[ours[1][entry] + 1] - offsets[ours[1][entry]]
        if _is_strong(ours, entry, rules[0], rules[1], least):
            strong += size
        else:
            weak += size
    return weak > WORTH_IT * strong


@numba.njit(cache=True, nogil=True)
def _most_of_weak(ours, span, rules, least):  # type: ignore[no-untyped-def]
    """Return the most that a track gets from weak lists: what the best few of them give their first ones."""
    firsts, num_broad, largest = rules
    largest[:] = 0
    for entry in range(span[0], span[1]):
        if not _is_strong(ours, entry, firsts, num_broad, least):
            value = ours[2][entry] * firsts[ours[1][entry]]
            for place in range(len(largest)):
                if value > largest[place]:
                    largest[place], value = value, largest[place]
    return largest.sum() * np.float32(1 + ROUNDING)


@numba.njit(cache=True, nogil=True)
def _add_strong(ours, lists, span, rule, scratch):  # type: ignore[no-untyped-def]
    """Sum the strong lists, and the broad ones alone; places [num_tracks] is all 0 before and after. Returns how many."""
    ((firsts, num_broad, _), least), ((columns, sums, broad), places), count = rule, scratch, 0
    for entry in range(span[0], span[1]):
        if not _is_strong(ours, entry, firsts, num_broad, least):
            continue
        row, weight = ours[1][entry], ours[2][entry]
        for link in range(lists[0][row], lists[0][row + 1]):
            column = lists[1][link]
            if places[column] == 0:
                columns[count], sums[count], broad[count] = column, 0.0, 0.0
                count += 1
                places[column] = count
            place = places[column] - 1
            sums[place] += weight * lists[2][link]
            if row < num_broad:
                broad[place] = sums[place]
    for place in range(count):
        places[columns[place]] = 0
    return count


@numba.njit(cache=True, nogil=True)
def _floor(sums, counts, k):  # type: ignore[no-untyped-def]
    """Return what the k-th largest of sums surely reaches, 0 where there are fewer."""
    border, _ = border_of(sums, sums.view(np.int32), counts, k)
    bits = np.array([border << BUCKET_BITS if border >= 0 else 0], np.int32)
    return bits.view(np.float32)[0] * np.float32(1 - ROUNDING)


@numba.njit(cache=True, nogil=True)
def _survivors(found, count, least):  # type: ignore[no-untyped-def]
    """Keep columns whose sums reach the least, with what broad lists gave them; returns how many."""
    columns, sums, broad = found
    kept = 0
    for place in range(count):
        if sums[place] >= least:
            columns[kept], broad[kept] = columns[place], broad[place]
            kept += 1
    return kept


@numba.njit(cache=True, nogil=True)
def _sum_anew(ours, of_tracks, span, scratch, found):  # type: ignore[no-untyped-def]
    """Fill sums: the broad lists' and then the narrow ones', in the order of the query's entries.

    Scratch is entries [num_lists], 0 before and after, and the narrow lists of one track (entry and value of each).
    """
    (rows, weights), (first, last, num_broad), (columns, sums, broad) = ours, span, found
    entries, (order, values) = scratch
    for entry in range(first, last):
        entries[rows[entry]] = entry - first + 1
    for place in range(len(columns)):
        column, count = columns[place], 0
        for link in range(of_tracks[0][column], of_tracks[0][column + 1]):
            entry = entries[num_broad + of_tracks[1][link]]
            if entry > 0:
                slot = count
                while slot > 0 and order[slot - 1] > entry:
                    order[slot], values[slot] = order[slot - 1], values[slot - 1]
                    slot -= 1
                order[slot], values[slot] = entry, of_tracks[2][link]
                count += 1
        total = broad[place]
        for slot in range(count):
            total += weights[first + order[slot] - 1] * values[slot]
        sums[place] = total
    for entry in range(first, last):
        entries[rows[entry]] = 0
