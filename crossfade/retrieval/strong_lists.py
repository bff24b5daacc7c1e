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
import scipy.sparse

from crossfade.features.interactions import Floats
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.list_totals import ROUNDING, add_lists, clear_broad, is_strong, read_totals
from crossfade.retrieval.sparse import (
    BUCKETS,
    NO_KEY,
    Matrix,
    keep_best,
    sorted_ranking,
)
from crossfade.retrieval.sparse_rows import SparseRows, cleared
from crossfade.schema.ids import NO_ROW, Rows

# A list whose best track gets less than this share of the most that any list gives is weak.
WEAK_SHARE: Final = 0.15
# What may still be among the best is looked at again, which costs about as much as reading the strong lists.
WORTH_IT: Final = 1.5


@dataclass(frozen=True)
class RankedLists:
    """Lists of tracks, each with the best first.

    Args:
        lists: Sparse [num_lists, num_listed] float32, positive; its columns are places among the listed tracks.
        narrow: The lists behind the broad ones by listed track: lists [num_listed, w] int32, padded with -1, and the track's
            values in them [num_listed, w] float32.
        listed: [num_listed] int32 the tracks that stand in a list. Those of a narrow list stand together, in its order, so
            that adding it up goes through memory from one to the next.
        firsts: [num_lists] float32, the first value of each list; 0 for an empty one.
        num_broad: So many first lists are always read; a track may stand in any number of them.
        most_narrow: In so many of the others a track stands at most.
    """

    lists: Matrix
    narrow: tuple[Rows, Floats]
    listed: Rows
    firsts: Floats
    num_broad: int
    most_narrow: int

    @classmethod
    def of(cls, lists: Matrix, num_broad: int, most_narrow: int) -> Self:
        """Prepare lists, sparse [num_lists, num_tracks]; other arguments as in the class."""
        firsts = np.zeros(lists.shape[0], np.float32)
        is_filled = np.diff(lists.indptr) > 0
        firsts[is_filled] = lists.data[lists.indptr[:-1][is_filled]]
        listed, columns = _by_list(lists.indices, int(lists.indptr[num_broad]))
        parts = (lists.data, columns, lists.indptr)
        closer = scipy.sparse.csr_matrix(parts, (lists.shape[0], len(listed)))
        return cls(closer, _narrow_lists(closer, num_broad), listed, firsts, num_broad, most_narrow)

    def top(self, weights: SparseRows, k: int) -> Ranking:
        """Return `top_of_product(weights, lists, k)`, its columns the tracks.

        Args:
            weights: Sparse [n, num_lists] float32, above 0; in each row the broad lists come first.
            k: How many.
        """
        keys = np.full((weights.shape[0], k), NO_KEY, np.int64)
        if weights.nnz and k:
            sizes = np.diff(self.lists.indptr)[weights.indices]
            most = int(np.diff(np.concatenate([[0], np.cumsum(sizes)])[weights.indptr]).max()) + 1
            found = np.empty(most, np.int32), np.empty(most, np.float32)
            totals = cleared(2 * len(self.listed)).view(np.float32).reshape(2, -1)
            lists, width = len(self.firsts) + 1, self.narrow[0].shape[1]
            few = np.empty(width, np.int32), np.empty(width, np.float32)
            of_lists = np.zeros(lists, np.int32), np.zeros(lists, np.float32), few
            _top(
                (weights.indptr, weights.indices, weights.data),
                (self.lists.indptr, self.lists.indices, self.lists.data),
                self.narrow,
                (self.firsts, self.num_broad, np.empty(self.most_narrow, np.float32)),
                (found, totals, np.empty(BUCKETS, np.int32), of_lists),
                (self.listed, keys),
            )
        return sorted_ranking(keys)


def _narrow_lists(lists: Matrix, num_broad: int) -> tuple[Rows, Floats]:
    """Return `RankedLists.narrow` of lists [num_lists, num_listed]."""
    of_listed = lists[num_broad:].T.tocsr()
    counts = np.diff(of_listed.indptr)
    slots = np.arange(counts.max(initial=1))
    there = slots < counts[:, None]
    found, values = np.full(there.shape, NO_ROW, np.int32), np.zeros(there.shape, np.float32)
    found[there], values[there] = of_listed.indices + num_broad, of_listed.data
    return found, values


def _by_list(tracks: Rows, num_broad: int) -> tuple[Rows, Rows]:
    """Return the distinct ones of tracks [m] int32 and each one's place among them, by where they first stand.

    The first `num_broad` entries count as the last.
    """
    order = np.concatenate([tracks[num_broad:], tracks[:num_broad]])
    distinct, firsts, inverse = np.unique(order, return_index=True, return_inverse=True)
    places = np.argsort(firsts)
    ranks = np.empty(len(places), np.int32)
    ranks[places] = np.arange(len(places), dtype=np.int32)
    columns = ranks[inverse]
    return distinct[places], np.concatenate(
        [columns[len(order) - num_broad :], columns[: len(order) - num_broad]]
    )


@numba.njit(cache=True, nogil=True)
def _top(ours, lists, narrow, rules, scratch, answers):  # type: ignore[no-untyped-def]
    """Fill keys [n, k] of answers; scratch holds found columns and sums, totals of all, counts of buckets, and more."""
    (columns, sums), totals, counts, of_lists = scratch
    listed, keys = answers
    for query in range(len(ours[0]) - 1):
        span = ours[0][query], ours[0][query + 1]
        least = WEAK_SHARE * _highest(ours, span[0], span[1], rules[0])
        if not _is_worth_it(ours, lists[0], span, rules, least):
            least = np.float32(0)
        spare = _most_of_weak(ours, span, rules, least)
        add_lists(ours, lists, span, (rules, least), totals)
        found = (totals[0], columns, sums)
        count, floor = read_totals(ours, lists, (span, rules, least), (counts, keys.shape[1], spare), found)
        if 0 < spare < floor:
            rule = span, (rules, least), totals[1], floor
            count = _add_weak(ours, narrow, rule, of_lists, (columns, sums, count))
        clear_broad(ours, lists, span, rules, totals[1])
        if spare > 0 and spare >= floor:
            add_lists(ours, lists, span, (rules, np.float32(0)), totals)
            whole = (span, rules, np.float32(0))
            count, _ = read_totals(ours, lists, whole, (counts, keys.shape[1], np.float32(0)), found)
            clear_broad(ours, lists, span, rules, totals[1])
        for place in range(count):
            columns[place] = listed[columns[place]]
        keep_best(columns[:count], sums[:count], counts, keys[query])


@numba.njit(cache=True, nogil=True)
def _highest(ours, first, last, firsts):  # type: ignore[no-untyped-def]
    highest = np.float32(0)
    for entry in range(first, last):
        highest = max(highest, ours[2][entry] * firsts[ours[1][entry]])
    return highest


@numba.njit(cache=True, nogil=True)
def _is_worth_it(ours, offsets, span, rules, least):  # type: ignore[no-untyped-def]
    """Tell whether the weak lists are so much longer than the strong ones that leaving them out pays."""
    strong, weak = 0, 0
    for entry in range(span[0], span[1]):
        size = offsets[ours[1][entry] + 1] - offsets[ours[1][entry]]
        if is_strong(ours, entry, rules[0], rules[1], least):
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
        if not is_strong(ours, entry, firsts, num_broad, least):
            value = ours[2][entry] * firsts[ours[1][entry]]
            for place in range(len(largest)):
                if value > largest[place]:
                    largest[place], value = value, largest[place]
    return largest.sum() * np.float32(1 + ROUNDING)


@numba.njit(cache=True, nogil=True)
def _add_weak(ours, narrow, rule, scratch, found):  # type: ignore[no-untyped-def]
    """Keep the columns that reach the floor with what weak lists give them, their sums in the order of the query's entries.

    Scratch is entries and weak weights [num_lists + 1], 0 before and after, and room for the narrow lists of one track
    (entry and value). Returns how many are kept.
    """
    (span, ((firsts, num_broad, _), least), of_broad, floor), (entries, weak, few) = rule, scratch
    (columns, sums, count), kept = found, 0
    for entry in range(span[0], span[1]):
        row = ours[1][entry]
        entries[row] = entry - span[0] + 1
        weak[row] = 0 if is_strong(ours, entry, firsts, num_broad, least) else ours[2][entry]
    for place in range(count):
        column, more = columns[place], np.float32(0)
        for slot in range(narrow[0].shape[1]):
            more += weak[narrow[0][column, slot]] * narrow[1][column, slot]
        if sums[place] + more < floor:
            continue
        columns[kept], sums[kept] = column, sums[place]
        if more > 0:
            sums[kept] = of_broad[column]
            for slot in range(_in_order((narrow[0][column], narrow[1][column]), entries, few)):
                sums[kept] += ours[2][span[0] + few[0][slot] - 1] * few[1][slot]
        kept += 1
    for entry in range(span[0], span[1]):
        entries[ours[1][entry]] = 0
        weak[ours[1][entry]] = 0
    return kept


@numba.njit(cache=True, nogil=True)
def _in_order(links, entries, few):  # type: ignore[no-untyped-def]
    """Sort the lists of one track that a query weighs into few (entries, values), by the query's entries."""
    (lists, values), (order, chosen), count = links, few, 0
    for link in range(len(lists)):
        entry = entries[lists[link]]
        if entry > 0:
            slot = count
            while slot > 0 and order[slot - 1] > entry:
                order[slot], chosen[slot] = order[slot - 1], chosen[slot - 1]
                slot -= 1
            order[slot], chosen[slot] = entry, values[link]
            count += 1
    return count
