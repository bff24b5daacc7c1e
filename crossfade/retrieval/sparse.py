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


def history_matrix(queries: Queries, columns: Rows, weights: Weights, width: int) -> Matrix:
    """Sum what each query's history weighs, by column (a track, its artist or a genre).

    Args:
        queries: n queries with m history entries.
        columns: [m] or [m, g] int32, -1 leaves an entry out.
        weights: Float of the same shape.
        width: Columns are below it.

    Returns:
        Sparse [n, width] float32, each row sorted by column.
    """
    kept = columns >= 0
    owners = queries.owners if columns.ndim == 1 else np.repeat(queries.owners, columns.shape[1])
    counts = np.bincount(owners[kept.ravel()], minlength=len(queries))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return matrix_of(weights[kept], columns[kept], offsets, width)


def top_of_rows(matrix: Matrix, k: int) -> Ranking:
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


@numba.njit(cache=True, nogil=True)
def _top_of_rows(offsets, columns, values, rows, scores):  # type: ignore[no-untyped-def]
    k = rows.shape[1]
    for i in range(len(rows)):
        start = offsets[i]
        own = values[start : offsets[i + 1]]
        limit = np.float32(0)
        if len(own) > k:
            limit = np.partition(own, len(own) - k)[len(own) - k]
        chosen = np.flatnonzero((own >= limit) & (own > 0))
        chosen = chosen[np.argsort(columns[start + chosen], kind="mergesort")]
        chosen = chosen[np.argsort(-own[chosen], kind="mergesort")][:k]
        rows[i, : len(chosen)] = columns[start + chosen]
        scores[i, : len(chosen)] = own[chosen]


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


def save_about(directory: Path, **about: bool | int) -> None:
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
