"""The best of a weighted sum of ranked lists, without reading the lists that cannot matter.

A listener's history touches many genres and lives in a few. The tracks that stand only in lists of little weight cannot reach
the best, which is known before these lists are read, since each list says what its first track gets (the idea of the threshold
algorithm, Fagin, Lotem and Naor 2003). Each entry of a list knows its track's other lists, so one pass over the strong ones tells
sums of all lists. What may still be among the best is summed anew, in the order of a product, so the answer is that of
`top_of_product` to the last bit.
"""

from dataclasses import dataclass
from typing import Final, Self

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse

from crossfade.features.interactions import Floats
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.list_totals import (
    ROUNDING,
    add_broad,
    candidates,
    end_of_broad,
    floor_of,
    forget,
    is_same,
    sum_in_order,
    surely_reached,
    weigh,
)
from crossfade.retrieval.sparse import (
    BUCKETS,
    NO_KEY,
    Matrix,
    keep_best,
    sorted_ranking,
    unsigned,
)
from crossfade.retrieval.sparse_rows import SparseRows, cleared, most_of_product
from crossfade.schema.ids import Rows

Numbers = npt.NDArray[np.uint32]

# A list whose best track gets less than this share of the most that any list gives is weak.
WEAK_SHARE: Final = 0.15
# Weak lists are left out where they are so many times as long as the strong ones.
WORTH_IT: Final = 1.5


@dataclass(frozen=True)
class RankedLists:
    """Lists of tracks, each with the best first.

    Args:
        lists: Sparse [num_lists, num_listed] float32, positive; its columns are places among the listed tracks.
        narrow: The lists behind the broad ones by listed track: lists [num_listed, w] uint32, the lower first, padded with
            num_lists, and the track's values in them [num_listed, w] float32, padded with 0.
        beside: The same by entry of the narrow lists, in the order of these, so that they are read from one to the next:
            [num_entries, w] each. To the lists before the entry's own num_lists + 1 is added: where one of them is strong, the
            track was met there.
        listed: [num_listed] int32 the tracks that stand in a list. Those of a narrow list stand together, in its order, so
            that adding it up goes through memory from one to the next.
        firsts: [num_lists] float32, the first value of each list; 0 for an empty one.
        num_broad: So many first lists are always read; a track may stand in any number of them.
    """

    lists: Matrix
    narrow: tuple[Numbers, Floats]
    beside: tuple[Numbers, Floats]
    listed: Rows
    firsts: Floats
    num_broad: int

    @classmethod
    def of(cls, lists: Matrix, num_broad: int) -> Self:
        """Prepare lists, sparse [num_lists, num_tracks], of which so many first ones are broad."""
        firsts = np.zeros(lists.shape[0], np.float32)
        is_filled = np.diff(lists.indptr) > 0
        firsts[is_filled] = lists.data[lists.indptr[:-1][is_filled]]
        listed, columns = _by_list(lists.indices, int(lists.indptr[num_broad]))
        parts = (lists.data, columns, lists.indptr)
        closer = scipy.sparse.csr_matrix(parts, (lists.shape[0], len(listed)))
        narrow = _narrow_lists(closer, num_broad)
        return cls(closer, narrow, _beside(closer, narrow, num_broad), listed, firsts, num_broad)

    def top(self, weights: SparseRows, k: int) -> Ranking:
        """Return `top_of_product(weights, lists, k)`, its columns the tracks.

        Args:
            weights: Sparse [n, num_lists] float32, above 0; in each row the broad lists come first.
            k: How many.
        """
        keys = np.full((weights.shape[0], k), NO_KEY, np.int64)
        if weights.nnz and k:
            ours = weights.indptr, weights.indices, weights.data
            most = most_of_product(ours, self.lists.indptr) + 1
            found, broad = ((np.empty(most, np.int32), np.empty(most, np.float32)) for _ in range(2))
            lists, width = len(self.firsts) + 1, self.narrow[0].shape[1]
            said = np.zeros(lists, np.int32), np.zeros(2 * lists, np.float32)
            few = np.empty(width, np.int32), np.empty(width, np.float32)
            of_broad = cleared(len(self.listed)).view(np.float32)
            _top(
                (ours, _by_broad(weights, self.num_broad)),
                (self.lists.indptr, unsigned(self.lists.indices), self.lists.data),
                (self.narrow, self.beside),
                (self.firsts, self.num_broad),
                (found, broad, of_broad, said, few, np.empty(BUCKETS, np.int32)),
                (self.listed, keys),
            )
        return sorted_ranking(keys)


def _narrow_lists(lists: Matrix, num_broad: int) -> tuple[Numbers, Floats]:
    """Return `RankedLists.narrow` of lists [num_lists, num_listed]."""
    of_listed = lists[num_broad:].T.tocsr()
    counts = np.diff(of_listed.indptr)
    slots = np.arange(counts.max(initial=1))
    there = slots < counts[:, None]
    found, values = np.full(there.shape, lists.shape[0], np.uint32), np.zeros(there.shape, np.float32)
    found[there], values[there] = of_listed.indices + num_broad, of_listed.data
    return found, values


def _beside(lists: Matrix, narrow: tuple[Numbers, Floats], num_broad: int) -> tuple[Numbers, Floats]:
    """Return `RankedLists.beside` of lists [num_lists, num_listed]."""
    columns = lists.indices[lists.indptr[num_broad] :]
    own = np.repeat(np.arange(num_broad, lists.shape[0]), np.diff(lists.indptr[num_broad:]))
    found = narrow[0][columns]
    found[found < own[:, None]] += lists.shape[0] + 1
    return np.ascontiguousarray(found.T), np.ascontiguousarray(narrow[1][columns].T)


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


def _by_broad(weights: SparseRows, num_broad: int) -> Rows:
    """Return the queries [n] int32 in an order in which those with the same broad lists mostly stand together."""
    last = np.empty(weights.shape[0], np.int32)
    _last_broad((weights.indptr, weights.indices), num_broad, last)
    return np.argsort(last, kind="stable").astype(np.int32)


@numba.njit(cache=True, nogil=True)
def _last_broad(weights, num_broad, last):  # type: ignore[no-untyped-def]
    """Fill last [n] with the last broad list of each query, -1 without one; broad ones come first."""
    offsets, lists = weights
    for query in range(len(last)):
        last[query] = -1
        for entry in range(offsets[query], offsets[query + 1]):
            if lists[entry] >= num_broad:
                break
            last[query] = lists[entry]


@numba.njit(cache=True, nogil=True)
def _top(queries, lists, of_tracks, rules, scratch, answers):  # type: ignore[no-untyped-def]
    """Fill keys [n, k] of answers, query by query in the order that comes with them.

    What the broad lists add up to is kept from one query to the next that has the same.

    Scratch is room for columns and sums of a query and of its broad lists, zeros [num_listed] for the sums of these, what a
    query says of lists, room for the narrow lists of a track, and counts of buckets.
    """
    (ours, order), (firsts, num_broad), (listed, keys) = queries, rules, answers
    found, broad, of_broad, said, few, counts = scratch
    k, kept, count, broad_floor = keys.shape[1], (0, 0), 0, np.float32(0)
    best = broad[0][:0], broad[1][:0]
    for query in order:
        whole = ours[0][query], ours[0][query + 1]
        split = end_of_broad(ours, whole, num_broad)
        if not is_same(ours, (whole[0], split), kept):
            _clear(of_broad, best[0])
            kept = whole[0], split
            count = add_broad(ours, lists, kept, of_broad, broad)
            best = broad[0][:count], broad[1][:count]
            broad_floor = floor_of(best[1], counts, k)
        span = split, whole[1]
        least = _least_of_strong(ours, lists[0], (whole, split), firsts)
        while True:
            weigh(ours, span, firsts, least, said)
            spare = _most_of_weak(ours, span, firsts, least, few[1])
            reached = max(broad_floor, surely_reached(ours, lists, span, (firsts, least), k))
            wanted, query_lists = (counts, k, spare, reached), (span, (firsts, least), said[1], of_broad)
            count, floor = candidates(ours, lists, of_tracks, query_lists, wanted, (best, found))
            if spare < floor:
                break
            least = np.float32(0)  # even a track of weak lists alone may be among the best
        count = sum_in_order(of_tracks[0], (said, of_broad), floor, few, (*found, count))
        forget(ours, span, said)
        for place in range(count):
            found[0][place] = listed[found[0][place]]
        keep_best(found[0][:count], found[1][:count], counts, keys[query])
    _clear(of_broad, best[0])


@numba.njit(cache=True, nogil=True)
def _clear(totals, columns):  # type: ignore[no-untyped-def]
    for column in columns:
        totals[column] = 0


@numba.njit(cache=True, nogil=True)
def _least_of_strong(ours, offsets, spans, firsts):  # type: ignore[no-untyped-def]
    """Return what a strong list gives its first track at least; 0, so that all are, unless the weak ones are much longer."""
    (span, split), highest, strong, weak = spans, np.float32(0), 0, 0
    for entry in range(span[0], span[1]):
        highest = max(highest, ours[2][entry] * firsts[ours[1][entry]])
    least = WEAK_SHARE * highest
    for entry in range(span[0], span[1]):
        row = ours[1][entry]
        size = offsets[row + 1] - offsets[row]
        if entry < split or ours[2][entry] * firsts[row] >= least:
            strong += size
        else:
            weak += size
    return least if weak > WORTH_IT * strong else np.float32(0)


@numba.njit(cache=True, nogil=True)
def _most_of_weak(ours, span, firsts, least, largest):  # type: ignore[no-untyped-def]
    """Return the most that a track gets from weak lists: what the best few of them give their first ones."""
    largest[:] = 0
    for entry in range(span[0], span[1]):
        value = ours[2][entry] * firsts[ours[1][entry]]
        if value < least:
            for place in range(len(largest)):
                if value > largest[place]:
                    largest[place], value = value, largest[place]
    return largest.sum() * np.float32(1 + ROUNDING)
