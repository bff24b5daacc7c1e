"""Sparse answers: the simple sources are a matrix of what a query weighs times a matrix of what that brings up.

Rows are independent, so a batch equals its singles; sums run in a fixed order, so equal input gives equal bytes.
"""

import json
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import NO_ROW, Rows

Matrix = Any  # scipy.sparse.csr_matrix of float32; scipy carries no types
Weights = npt.NDArray[np.floating[Any]]
ABOUT: Final = "about.json"


def matrix_of(values: Weights, columns: Rows, offsets: npt.NDArray[np.int64], width: int) -> Matrix:
    """Build a sparse matrix [len(offsets) - 1, width] from its rows, summing entries of one place."""
    parts = (values.astype(np.float32), columns, offsets)
    matrix = scipy.sparse.csr_matrix(parts, (len(offsets) - 1, width), copy=True)  # summing works in place
    matrix.sum_duplicates()
    return matrix


def history_matrix(queries: Queries, columns: Rows, weights: Weights, width: int) -> SparseRows:
    """Sum what each query's history weighs, by column (a track, its artist or a genre).

    Args:
        queries: n queries with m history entries.
        columns: [m] or [m, g] int32, -1 leaves an entry out.
        weights: Float of the same shape.
        width: Columns are below it.

    Returns:
        Sparse [n, width] float32; columns of a row stand as they first come in the history.
    """
    shape = (len(columns), 1) if columns.ndim == 1 else columns.shape
    return SparseRows.summed(
        queries.offsets, columns.reshape(shape), np.broadcast_to(weights, columns.shape).reshape(shape), width
    )


def top_of_rows(matrix: Matrix | SparseRows, k: int) -> Ranking:
    """Return the k largest positive entries of each row of a sparse matrix [n, m].

    Returns:
        Columns [n, k] int32 best first (of equal values the lower column first), padded with -1, and their
        values [n, k] float32, padded with -inf.
    """
    rows = np.full((matrix.shape[0], k), NO_ROW, np.int32)
    scores = np.full((matrix.shape[0], k), -np.inf, np.float32)
    if matrix.nnz and k:
        _top_of_rows(matrix.indptr, matrix.indices, matrix.data, rows, scores)
    return rows, scores


# Written out, since numba takes half a minute to compile NumPy's partition and sorts, once a machine.
@numba.njit(cache=True, nogil=True)
def _top_of_rows(offsets, columns, values, rows, scores):  # type: ignore[no-untyped-def]
    """Keep each row's best in a heap whose root is the worst, in the arrays of the answer, then sort it."""
    k = rows.shape[1]
    for i in range(len(rows)):
        size = 0
        for place in range(offsets[i], offsets[i + 1]):
            if values[place] <= 0:
                continue
            if size < k:
                rows[i, size], scores[i, size] = columns[place], values[place]
                size += 1
                if size == k:
                    for parent in range(k // 2, -1, -1):
                        _sink(rows[i], scores[i], parent, k)
            elif _is_worse(rows[i, 0], scores[i, 0], columns[place], values[place]):
                rows[i, 0], scores[i, 0] = columns[place], values[place]
                _sink(rows[i], scores[i], 0, k)
        if size < k:
            for parent in range(size // 2, -1, -1):
                _sink(rows[i], scores[i], parent, size)
        for last in range(size - 1, 0, -1):
            rows[i, 0], rows[i, last] = rows[i, last], rows[i, 0]
            scores[i, 0], scores[i, last] = scores[i, last], scores[i, 0]
            _sink(rows[i], scores[i], 0, last)


@numba.njit(cache=True, nogil=True)
def _sink(rows, scores, parent, size):  # type: ignore[no-untyped-def]
    """Move an entry of a heap of `size` down until both below it are better."""
    while 2 * parent + 1 < size:
        child = 2 * parent + 1
        if child + 1 < size and _is_worse(rows[child + 1], scores[child + 1], rows[child], scores[child]):
            child += 1
        if not _is_worse(rows[child], scores[child], rows[parent], scores[parent]):
            return
        rows[parent], rows[child] = rows[child], rows[parent]
        scores[parent], scores[child] = scores[child], scores[parent]
        parent = child


@numba.njit(cache=True, nogil=True)
def _is_worse(row, score, other_row, other_score):  # type: ignore[no-untyped-def]
    return score < other_score or (score == other_score and row > other_row)


def rows_of(ranking: Ranking, width: int) -> Matrix:
    """Turn a padded ranking [n, k] into a sparse matrix [n, width] with the same order within rows."""
    rows, scores = ranking
    found = rows >= 0
    offsets = np.concatenate([[0], np.cumsum(found.sum(axis=1))]).astype(np.int64)
    return scipy.sparse.csr_matrix((scores[found], rows[found], offsets), (len(rows), width))


def save_matrix(matrix: Matrix, path: Path) -> None:
    """Write a sparse matrix as one Arrow file, a list of columns and of values for each row."""
    offsets = pa.array(matrix.indptr, pa.int64())
    columns = pa.LargeListArray.from_arrays(offsets, pa.array(matrix.indices, pa.int32()))
    values = pa.LargeListArray.from_arrays(offsets, pa.array(matrix.data, pa.float32()))
    table = pa.table({"columns": columns, "values": values})
    write_table(table.replace_schema_metadata({"width": str(matrix.shape[1])}), path)


def load_matrix(path: Path, num_columns: int) -> Matrix:
    """Memory-map what `save_matrix` wrote.

    Raises:
        IntegrityError: The file is missing or not whole, or the matrix has another number of columns.
    """
    table = read_table(path)
    width = int(table.schema.metadata[b"width"])
    if width != num_columns:
        raise IntegrityError(
            f"{path} was fitted on {width} tracks or artists, but the catalogue beside it has {num_columns}; "
            "load it with the catalogue that it was fitted on."
        )
    if not len(table):
        return scipy.sparse.csr_matrix((0, width), dtype=np.float32)
    columns, values = (table.column(name).combine_chunks() for name in ("columns", "values"))
    parts = (values.flatten().to_numpy(), columns.flatten().to_numpy(), columns.offsets.to_numpy())
    return scipy.sparse.csr_matrix(parts, (len(table), width))


def save_about(directory: Path, **about: Any) -> None:
    """Write what a source knows besides its matrices, as `about.json`."""
    (directory / ABOUT).write_text(json.dumps(about), "utf-8")


def load_about(directory: Path) -> dict[str, Any]:
    """Read what `save_about` wrote.

    Raises:
        IntegrityError: The file is missing or not JSON.
    """
    try:
        return dict(json.loads((directory / ABOUT).read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{directory / ABOUT} is not what a saved source holds: {error}") from error
