"""Sparse rows sum, multiply and add as dense matrices do."""

import threading

import numpy as np
import scipy.sparse

from crossfade.retrieval.sparse_rows import SparseRows, cleared


def dense(rows: SparseRows) -> np.ndarray:
    return np.asarray(rows.scipy().toarray())


def drawn(random: np.random.Generator, n: int, width: int, entries: int) -> tuple[SparseRows, np.ndarray]:
    """Rows of entries that repeat and are missing here and there, and the same as a dense matrix."""
    offsets = np.concatenate([[0], np.sort(random.integers(0, entries + 1, n - 1)), [entries]])
    columns = random.integers(-1, width, (entries, 3)).astype(np.int32)
    # Sixteenths: their sums and products are exact in float32.
    values = random.integers(0, 16, (entries, 3)) / 16
    wanted = np.zeros((n, width))
    for row in range(n):
        for entry in range(offsets[row], offsets[row + 1]):
            for column, value in zip(columns[entry], values[entry], strict=True):
                if column >= 0:
                    wanted[row, column] += value
    return SparseRows.summed(offsets, columns, values, width), wanted


def test_rows_sum_multiply_and_add_as_dense_ones() -> None:
    random = np.random.default_rng(0)
    for n, width, entries in ((1, 5, 8), (6, 40, 100), (4, 7, 0)):
        rows, wanted = drawn(random, n, width, entries)
        others, also = drawn(random, n, width, entries // 2)
        np.testing.assert_array_equal(dense(rows), wanted)
        np.testing.assert_array_equal(dense(rows + others), wanted + also)
        links = random.integers(0, 3, (width, 11)).astype(np.float32)
        np.testing.assert_array_equal(dense(rows @ scipy.sparse.csr_matrix(links)), wanted @ links)
        np.testing.assert_array_equal(dense(rows @ SparseRows(*_parts(links), 11)), wanted @ links)


def _parts(links: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    matrix = scipy.sparse.csr_matrix(links)
    return matrix.indptr.astype(np.int64), matrix.indices, matrix.data


def test_no_column_stands_twice_and_owners_say_whose_it_is() -> None:
    columns = np.array([[3, 1], [3, -1], [0, 3]], np.int32)
    rows = SparseRows.summed(np.array([0, 2, 3]), columns, np.ones((3, 2)), 4)
    assert (rows.indices.tolist(), rows.data.tolist()) == ([3, 1, 0, 3], [2, 1, 1, 1])
    assert (rows.owners.tolist(), rows.shape, rows.nnz) == ([0, 0, 1, 1], (2, 4), 4)


def test_a_batch_equals_its_singles_bit_for_bit() -> None:
    random = np.random.default_rng(1)
    columns, values = random.integers(0, 9, (40, 1)).astype(np.int32), random.random((40, 1))
    links = scipy.sparse.random(9, 50, 0.5, "csr", np.float32, random)
    both = SparseRows.summed(np.array([0, 25, 40]), columns, values, 9) @ links
    first = SparseRows.summed(np.array([0, 25]), columns[:25], values[:25], 9) @ links
    assert both.data[: both.indptr[1]].tolist() == first.data.tolist()


def test_the_zeros_of_a_thread_are_its_own_and_stay_zeros() -> None:
    found = []
    mine, thread = cleared(7), threading.Thread(target=lambda: found.append(cleared(7)))
    thread.start()
    thread.join()
    rows, _ = drawn(np.random.default_rng(0), 3, 7, 20)
    _ = rows + rows @ SparseRows(np.arange(8), np.arange(7, dtype=np.int32), np.ones(7, np.float32), 7)
    assert not mine.any()
    assert not np.shares_memory(mine, found[0])
    assert len(cleared(1000)) == 1000
