"""Lists that cannot matter are left out without changing a bit of the answer; the oracle is the whole product."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

from crossfade.retrieval.sparse import rows_of, top_of_product
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.retrieval.strong_lists import RankedLists

NUM_TRACKS, NUM_BROAD, NUM_NARROW = 4000, 3, 40


def lists_of(random: np.random.Generator) -> scipy.sparse.csr_matrix:
    """Three broad lists and forty narrow ones, best first; a track stands in at most three of the narrow ones."""
    heard = random.pareto(1.5, NUM_TRACKS) + 0.01
    of_tracks = np.stack([random.integers(0, NUM_NARROW, NUM_TRACKS) for _ in range(3)], axis=1)
    rows = np.full((NUM_BROAD + NUM_NARROW, 300), -1, np.int32)
    for number in range(len(rows)):
        if number < NUM_BROAD:
            members = random.permutation(NUM_TRACKS)[:300]
        else:
            members = np.flatnonzero((of_tracks == number - NUM_BROAD).any(axis=1))[:300]
        ordered = members[np.argsort(-heard[members], kind="stable")]
        rows[number, : len(ordered)] = ordered
    rows[NUM_BROAD + 5] = -1  # an empty list
    values = np.where(rows >= 0, heard[rows], -np.inf).astype(np.float32)
    return rows_of((rows, values), NUM_TRACKS)


def weights_of(random: np.random.Generator, shares: list[list[float]]) -> SparseRows:
    """A history's genres, in the order in which they came, behind some of the broad lists; random ones, weighed as asked."""
    queries = []
    for narrow in shares:
        broad = random.permutation(NUM_BROAD)[: random.integers(0, NUM_BROAD + 1)]
        genres = NUM_BROAD + random.permutation(NUM_NARROW)[: len(narrow)]
        queries.append(
            [
                *zip(broad, random.choice([0.1, 0.3], len(broad)), strict=True),
                *zip(genres, narrow, strict=True),
            ]
        )
    offsets = np.concatenate([[0], np.cumsum([len(entries) for entries in queries])])
    columns = np.array([place for entries in queries for place, _ in entries], np.int32)[:, None]
    values = np.array([share for entries in queries for _, share in entries])[:, None]
    return SparseRows.summed(offsets, columns, values, NUM_BROAD + NUM_NARROW)


@pytest.mark.parametrize("k", [1, 60, 700, NUM_TRACKS])
def test_the_answer_is_that_of_the_product(k: int) -> None:
    random = np.random.default_rng(0)
    lists = lists_of(random)
    few_strong = [[0.4, 0.01, 0.3, *[0.004] * 25], [0.01] * 30, [0.5], [], [0.9, *[0.0001] * 30]]
    weights = weights_of(random, few_strong * 12)
    found = RankedLists.of(lists, NUM_BROAD).top(weights, k)
    expected = top_of_product(weights, lists, k)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_track_of_next_to_nothing_comes_once() -> None:
    """What is too little for a float in one broad list and not in the next is noted where it is something."""
    tiny = np.float32(1e-45)
    lists = scipy.sparse.csr_matrix(np.array([[1, tiny, 0], [1, 2 * tiny, 0], [0, 0, 1]], np.float32))
    weights = SparseRows(
        np.array([0, 3]), np.arange(3, dtype=np.int32), np.array([0.1, 0.3, 1], np.float32), 3
    )
    found = RankedLists.of(lists, 2).top(weights, 4)
    for ours, theirs in zip(found, top_of_product(weights, lists, 4), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weak_lists_are_not_read() -> None:
    """A list that is damaged behind its first track does not show where it is too weak to matter."""
    random = np.random.default_rng(1)
    lists = lists_of(random)
    weights = weights_of(random, [[0.5, 0.5, *[1e-6] * 20]])
    weak = weights.indices[weights.data < 1e-3]
    damaged = lists.copy()
    for row in weak:
        damaged.data[damaged.indptr[row] + 1 : damaged.indptr[row + 1]] = np.nan
    ranked = RankedLists.of(damaged, NUM_BROAD)
    whole = RankedLists.of(lists, NUM_BROAD)
    sound = replace(ranked, narrow=whole.narrow, beside=whole.beside)
    np.testing.assert_array_equal(sound.top(weights, 50)[0], top_of_product(weights, lists, 50)[0])


def test_nothing_to_weigh() -> None:
    lists = lists_of(np.random.default_rng(2))
    nobody = SparseRows(np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), lists.shape[0])
    rows, scores = RankedLists.of(lists, NUM_BROAD).top(nobody, 4)
    assert (rows == -1).all()
    assert np.isneginf(scores).all()
