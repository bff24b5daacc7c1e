"""What sources say of given tracks: the scores that they would return, read at a few tracks instead of at all."""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.retrieval.contract import Scores
from crossfade.retrieval.sparse import Matrix
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.schema.ids import Rows

FEWEST_SLOTS: Final = 1024
SPACIOUS: Final = (
    4  # a table of wanted tracks has so many slots for each, so that most others meet an empty one
)


def product_at(weights: SparseRows, matrix: Matrix, rows: Rows) -> Scores:
    """Read a product of sparse matrices at a few columns of each row.

    Args:
        weights: [n, m].
        matrix: [m, width], scipy's CSR.
        rows: [n, w] int32 columns, no column twice in a row, -1 padded.

    Returns:
        [n, w] float32, NaN where the product is not above 0, or padded.
    """
    told = np.zeros(rows.shape, np.float32)
    ours = (weights.indptr, weights.indices, weights.data)
    theirs = (matrix.indptr, matrix.indices, matrix.data)
    _product_at(ours, theirs, rows, table_for(rows.shape[1]), told)
    return above_nothing(told)


@numba.njit(cache=True, nogil=True)
def _product_at(ours, theirs, rows, table, told):  # type: ignore[no-untyped-def]
    """Fill told [n, w], adding up in the order of `sparse_rows.multiply_row`."""
    for query in range(rows.shape[0]):
        note_places(rows[query], table)
        for entry in range(ours[0][query], ours[0][query + 1]):
            weight, middle = ours[2][entry], ours[1][entry]
            for link in range(theirs[0][middle], theirs[0][middle + 1]):
                place = noted_place(theirs[1][link], rows[query], table)
                if place >= 0:
                    told[query, place] += weight * theirs[2][link]


def table_for(width: int) -> Rows:
    """Return an empty table for `note_places` of up to so many rows."""
    return np.empty(max(FEWEST_SLOTS, 1 << (SPACIOUS * width).bit_length()), np.int32)


@numba.njit(cache=True, nogil=True)
def note_places(rows, table):  # type: ignore[no-untyped-def]
    """Hash the places of rows [w], no row twice, -1 left out (linear probing)."""
    table[:] = -1
    for place in range(len(rows)):
        if rows[place] >= 0:
            slot = rows[place] & (len(table) - 1)
            while table[slot] >= 0:
                slot = (slot + 1) & (len(table) - 1)
            table[slot] = place


@numba.njit(cache=True, nogil=True)
def noted_place(row, rows, table):  # type: ignore[no-untyped-def]
    """Return the place of a row among rows [w] whose places were noted, -1 where it is not."""
    slot = row & (len(table) - 1)
    while table[slot] >= 0 and rows[table[slot]] != row:
        slot = (slot + 1) & (len(table) - 1)
    return table[slot]


def lists_at(weights: SparseRows, by_column: Matrix, rows: Rows) -> Scores:
    """Read a product of sparse matrices at a few columns of each row, where a column stands in few lists.

    Args:
        weights: [n, num_lists].
        by_column: [width, num_lists], scipy's CSR: the lists, transposed.
        rows: [n, w] int32 columns, -1 padded.

    Returns:
        [n, w] float32, NaN where the product is not above 0, or padded. Sums run in the order of the lists, so they may
        differ from a product's in their last bits.
    """
    told = np.zeros(rows.shape, np.float32)
    ours = (weights.indptr, weights.indices, weights.data)
    theirs = (by_column.indptr, by_column.indices, by_column.data)
    _lists_at(ours, theirs, rows, np.zeros(by_column.shape[1], np.float32), told)
    return above_nothing(told)


@numba.njit(cache=True, nogil=True)
def _lists_at(ours, theirs, rows, of_lists, told):  # type: ignore[no-untyped-def]
    """Fill told [n, w]; of_lists [num_lists] is 0 before and after."""
    for query in range(rows.shape[0]):
        for entry in range(ours[0][query], ours[0][query + 1]):
            of_lists[ours[1][entry]] = ours[2][entry]
        for place in range(rows.shape[1]):
            column = rows[query, place]
            for entry in range(
                theirs[0][column] if column >= 0 else 0, theirs[0][column + 1] if column >= 0 else 0
            ):
                told[query, place] += of_lists[theirs[1][entry]] * theirs[2][entry]
        for entry in range(ours[0][query], ours[0][query + 1]):
            of_lists[ours[1][entry]] = 0


def above_nothing(told: npt.NDArray[np.float32]) -> Scores:
    """Return sums of products, NaN where nothing was added: a source that counts never returns such a track."""
    return np.where(told > 0, told, np.float32(np.nan))
