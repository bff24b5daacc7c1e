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
from crossfade.retrieval.sparse_rows import SparseRows, multiply_row
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import NO_ROW, Rows

Matrix = Any  # scipy.sparse.csr_matrix of float32; scipy carries no types
Weights = npt.NDArray[np.floating[Any]]
ABOUT: Final = "about.json"
# A positive float32 rises with its 31 bits as a whole number. The leading 12 of them, exponent and half an octave's sixteenth,
# make the buckets by which the best are chosen.
BUCKET_BITS: Final = 19
BUCKETS: Final = 1 << (31 - BUCKET_BITS)
MOST_BITS: Final = (1 << 31) - 1
NO_KEY: Final = np.iinfo(np.int64).max


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
    best = np.full((matrix.shape[0], k), NO_ROW, np.int32), np.full((matrix.shape[0], k), -np.inf, np.float32)
    if matrix.nnz and k:
        entries = (matrix.indptr, matrix.indices, matrix.data.astype(np.float32, copy=False))
        _top_of_rows(entries, best, np.empty(BUCKETS, np.int32))
    return best_first(best)


def top_of_product(weights: SparseRows, matrix: Matrix, k: int) -> Ranking:
    """Return `top_of_rows(weights @ matrix, k)`, one query after the other: what is summed of one stays in the cache."""
    best = (
        np.full((weights.shape[0], k), NO_ROW, np.int32),
        np.full((weights.shape[0], k), -np.inf, np.float32),
    )
    if weights.nnz and k:
        entries = np.concatenate([[0], np.cumsum(np.diff(matrix.indptr)[weights.indices])])
        most = int(np.diff(entries[weights.indptr]).max())
        found = np.empty(most, np.int32), np.empty(most, np.float32)
        scratch = (found, np.zeros(matrix.shape[1], np.int32), np.empty(BUCKETS, np.int32))
        ours, theirs = (
            (weights.indptr, weights.indices, weights.data),
            (matrix.indptr, matrix.indices, matrix.data),
        )
        _top_of_product(ours, theirs, scratch, best)
    return best_first(best)


def best_first(ranking: Ranking) -> Ranking:
    """Sort rankings [n, k] of scores above 0 by falling score, then row; padding (-1 and -inf) stands last."""
    rows, scores = ranking
    # One whole number a place, which sorts many times faster than two columns: a score above 0 rises with its bits.
    keys = np.where(rows >= 0, (MOST_BITS - scores.view(np.int32).astype(np.int64)) << 31 | rows, NO_KEY)
    keys.sort(axis=1)
    is_there = keys < NO_KEY
    bits = (MOST_BITS - (keys >> 31)).astype(np.int32)
    return (
        np.where(is_there, keys & MOST_BITS, NO_ROW).astype(np.int32),
        np.where(is_there, bits.view(np.float32), np.float32(-np.inf)),
    )


# Written out, since numba takes half a minute to compile NumPy's partition and sorts, once a machine.
@numba.njit(cache=True, nogil=True)
def _top_of_rows(matrix, best, counts):  # type: ignore[no-untyped-def]
    offsets, columns, values = matrix
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        _keep_best(columns[first:last], values[first:last], counts, best[0][i], best[1][i])


@numba.njit(cache=True, nogil=True)
def _top_of_product(ours, theirs, scratch, best):  # type: ignore[no-untyped-def]
    found, places, counts = scratch
    for i in range(len(ours[0]) - 1):
        count = multiply_row(ours, theirs, i, found, places, 0)
        _keep_best(found[0][:count], found[1][:count], counts, best[0][i], best[1][i])


@numba.njit(cache=True, nogil=True)
def _keep_best(columns, values, counts, rows, scores):  # type: ignore[no-untyped-def]
    """Fill rows and scores [k] with the best positive values in no order; of equal ones the lower columns.

    Values fall into buckets by their leading bits; those of the buckets that surely fit are taken, and of the bucket at
    the border the best by a heap.
    """
    k, bits = len(rows), values.view(np.int32)
    if len(values) <= k:
        taken = 0
        for place in range(len(values)):
            if values[place] > 0:
                rows[taken], scores[taken] = columns[place], values[place]
                taken += 1
        return
    counts[:] = 0
    for place in range(len(values)):
        if values[place] > 0:
            counts[bits[place] >> BUCKET_BITS] += 1
    border, above = len(counts) - 1, 0
    while border >= 0 and above + counts[border] <= k:
        above += counts[border]
        border -= 1
    taken, size = 0, 0
    worst_rows, worst_scores = rows[above:], scores[above:]
    for place in range(len(values)):
        if values[place] <= 0 or bits[place] >> BUCKET_BITS < border:
            continue
        if bits[place] >> BUCKET_BITS > border:
            rows[taken], scores[taken] = columns[place], values[place]
            taken += 1
        elif len(worst_rows):
            size = _into_heap(columns[place], values[place], worst_rows, worst_scores, size)


@numba.njit(cache=True, nogil=True)
def _into_heap(row, score, rows, scores, size):  # type: ignore[no-untyped-def]
    """Put an entry into a heap whose root is the worst; a full one drops its worst. Returns its new size."""
    if size < len(rows):
        rows[size], scores[size] = row, score
        size += 1
        if size == len(rows):
            for parent in range(size // 2, -1, -1):
                _sink(rows, scores, parent, size)
    elif _is_worse(rows[0], scores[0], row, score):
        rows[0], scores[0] = row, score
        _sink(rows, scores, 0, size)
    return size


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
