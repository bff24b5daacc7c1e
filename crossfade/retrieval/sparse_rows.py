"""Sparse rows of a batch of queries: what a request weighs, and that times a matrix, without a library's overhead.

A request is a batch of one, and building a scipy matrix checks and copies for longer than such a row takes to sum.
"""

import threading
from dataclasses import dataclass
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse

from crossfade.features.interactions import Int64s
from crossfade.features.prefetching import fetch
from crossfade.schema.ids import Rows

Floats = npt.NDArray[np.float32]
ROWS_AHEAD: Final = 4
_OF_THREAD: Final = threading.local()


def cleared(width: int) -> Rows:
    """Return [width] int32 zeros that this thread keeps for its kernels, each of which leaves zeros behind.

    A catalogue's worth of fresh zeros for each of a request's sums would cost more than the sums.
    """
    kept: Rows | None = getattr(_OF_THREAD, "zeros", None)
    if kept is None or len(kept) < width:
        kept = _OF_THREAD.zeros = np.zeros(width, np.int32)
    return kept[:width]


@dataclass(frozen=True)
class SparseRows:
    """A sparse matrix [n, width] by rows, as scipy's CSR: no column twice in a row, in no order.

    Args:
        indptr: [n + 1] int64; row i has entries indptr[i]:indptr[i + 1].
        indices: [m] int32 columns.
        data: [m] float32.
        width: Columns are below it.
    """

    indptr: Int64s
    indices: Rows
    data: Floats
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.indptr) - 1, self.width

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return len(self.indices)

    @property
    def owners(self) -> Int64s:
        """[m] int64 row of each entry."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    @classmethod
    def summed(
        cls, offsets: Int64s, columns: Rows, values: npt.NDArray[np.floating[Any]], width: int
    ) -> "SparseRows":
        """Sum entries of one row and column.

        Args:
            offsets: [n + 1] int64; row i has entries offsets[i]:offsets[i + 1].
            columns: [m, g] int32, -1 leaves an entry out.
            values: Float of the same shape.
            width: Columns are below it.
        """
        most = columns.size
        found = np.empty(most, np.int32), np.empty(most, np.float32)
        indptr = _sum(offsets, columns, values.astype(np.float64, copy=False), found, cleared(width))
        return cls(indptr, found[0][: indptr[-1]], found[1][: indptr[-1]], width)

    def __matmul__(self, other: Any) -> "SparseRows":
        """Return the product with a sparse matrix [width, w], scipy's CSR or another of these; only sums above 0 are kept."""
        most = int(lengths_at(other.indptr, self.indices).sum()) + 1
        found = np.empty(most, np.int32), np.empty(most, np.float32)
        ours, theirs = (self.indptr, self.indices, self.data), (other.indptr, other.indices, other.data)
        indptr = _multiply(ours, theirs, found, cleared(other.shape[1]).view(np.float32))
        return SparseRows(indptr, found[0][: indptr[-1]], found[1][: indptr[-1]], other.shape[1])

    def __add__(self, other: "SparseRows") -> "SparseRows":
        """Return the sum of two matrices of one shape."""
        found = np.empty(self.nnz + other.nnz, np.int32), np.empty(self.nnz + other.nnz, np.float32)
        ours, theirs = (self.indptr, self.indices, self.data), (other.indptr, other.indices, other.data)
        indptr = _add(ours, theirs, found, cleared(self.width))
        return SparseRows(indptr, found[0][: indptr[-1]], found[1][: indptr[-1]], self.width)

    def scipy(self) -> Any:
        """Return scipy's matrix of the same entries, each row sorted by column."""
        matrix = scipy.sparse.csr_matrix((self.data, self.indices, self.indptr), self.shape)
        matrix.sort_indices()
        return matrix


def lengths_at(offsets: npt.NDArray[np.integer[Any]], rows: Rows) -> npt.NDArray[np.integer[Any]]:
    """Return how many entries rows [m] have, by the offsets of all rows; reads no others."""
    return np.asarray(offsets[rows + 1] - offsets[rows])


@numba.njit(cache=True, nogil=True)
def _sum(offsets, columns, values, found, places):  # type: ignore[no-untyped-def]
    """Fill found (columns, sums); places [width] int32 is all 0 before, and after: one past each column's place."""
    indices, data = found
    indptr, count = np.zeros(len(offsets), np.int64), 0
    for row in range(len(offsets) - 1):
        first = count
        for entry in range(offsets[row], offsets[row + 1]):
            for j in range(columns.shape[1]):
                column = columns[entry, j]
                if column < 0:
                    continue
                if places[column] == 0:
                    indices[count], data[count] = column, 0.0
                    count += 1
                    places[column] = count
                data[places[column] - 1] += np.float32(values[entry, j])
        for place in range(first, count):
            places[indices[place]] = 0
        indptr[row + 1] = count
    return indptr


@numba.njit(cache=True, nogil=True)
def _add(ours, theirs, found, places):  # type: ignore[no-untyped-def]
    """Fill found (columns, sums) with a sum's rows; places [width] int32 as in `_sum`."""
    indices, data = found
    indptr, count = np.zeros(len(ours[0]), np.int64), 0
    for row in range(len(ours[0]) - 1):
        first = count
        for entry in range(ours[0][row], ours[0][row + 1]):
            indices[count], data[count] = ours[1][entry], ours[2][entry]
            count += 1
            places[ours[1][entry]] = count
        for entry in range(theirs[0][row], theirs[0][row + 1]):
            column = theirs[1][entry]
            if places[column] == 0:
                indices[count], data[count] = column, 0.0
                count += 1
                places[column] = count
            data[places[column] - 1] += theirs[2][entry]
        for place in range(first, count):
            places[indices[place]] = 0
        indptr[row + 1] = count
    return indptr


@numba.njit(cache=True, nogil=True)
def most_of_product(ours, offsets):  # type: ignore[no-untyped-def]
    """Return the most entries that a row of a product adds up, by the offsets of the other matrix."""
    most = np.int64(0)
    for row in range(len(ours[0]) - 1):
        count = np.int64(0)
        for entry in range(ours[0][row], ours[0][row + 1]):
            count += offsets[ours[1][entry] + 1] - offsets[ours[1][entry]]
        most = max(most, count)
    return most


@numba.njit(cache=True, nogil=True)
def _multiply(ours, theirs, found, totals):  # type: ignore[no-untyped-def]
    """Fill found (columns, sums) with a product's rows; totals [w] float32 as in `multiply_row`."""
    indptr = np.zeros(len(ours[0]), np.int64)
    for row in range(len(ours[0]) - 1):
        indptr[row + 1] = multiply_row(ours, theirs, row, found, totals, indptr[row])
    return indptr


@numba.njit(cache=True, nogil=True)
def fetch_rows(matrix, rows, entry, stop):  # type: ignore[no-untyped-def]
    """Ask memory for the beginnings of the matrix' rows that stand some entries behind an entry, as far as `stop`."""
    if entry + 2 * ROWS_AHEAD < stop:
        fetch(matrix[0], rows[entry + 2 * ROWS_AHEAD], 0)
    if entry + ROWS_AHEAD < stop:
        start = matrix[0][rows[entry + ROWS_AHEAD]]
        fetch(matrix[1], start, 0)
        fetch(matrix[2], start, 0)


@numba.njit(cache=True, nogil=True)
def multiply_row(ours, theirs, row, found, totals, first):  # type: ignore[no-untyped-def]
    """Fill found (columns, sums) from `first` on with one row of a product; returns one past its last entry.

    Matrices are (offsets, columns, values); sums that are not above 0 are left out. Totals [w] float32 is all 0 before, and
    after: no entry is asked whether its column came before, all are added up and then read where they stand, where only the
    first one finds something. `found` has room for one entry more than there are.
    """
    indices, data = found
    count, start, stop = first, ours[0][row], ours[0][row + 1]
    for entry in range(start, stop):
        weight, middle = ours[2][entry], ours[1][entry]
        if weight == 0.0:
            continue
        fetch_rows(theirs, ours[1], entry, stop)
        for link in range(theirs[0][middle], theirs[0][middle + 1]):
            totals[theirs[1][link]] += weight * theirs[2][link]
    for entry in range(start, stop):
        weight, middle = ours[2][entry], ours[1][entry]
        if weight == 0.0:
            continue
        for link in range(theirs[0][middle], theirs[0][middle + 1]):
            column = theirs[1][link]
            total = totals[column]
            totals[column] = 0
            indices[count], data[count] = column, total
            count += total > 0
    return count
