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
from crossfade.retrieval.sparse_rows import SparseRows, cleared, most_of_product, multiply_row
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import NO_ROW, Rows

Matrix = Any  # scipy.sparse.csr_matrix of float32; scipy carries no types
Weights = npt.NDArray[np.floating[Any]]
ABOUT: Final = "about.json"
# A positive float32 rises with its 31 bits as a whole number. Their leading 12 make the buckets by which the best are chosen;
# all of them, turned to fall, before the column make one key of an entry, which sorts many times faster than two numbers.
BUCKET_BITS: Final = 19
BUCKETS: Final = 1 << (31 - BUCKET_BITS)
FINER_BITS: Final = 7  # the next 12 make finer buckets
MOST_BITS: Final = (1 << 31) - 1
RANKED_AT_ONCE: Final = 1 << 16  # rows
NO_KEY: Final = np.iinfo(np.int64).max
NO_SCORE: Final = int(np.float32(-np.inf).view(np.int32))


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
    values = weights if weights.shape == columns.shape else np.broadcast_to(weights, columns.shape)
    return SparseRows.summed(queries.offsets, columns.reshape(shape), values.reshape(shape), width)


def top_of_rows(matrix: Matrix | SparseRows, k: int) -> Ranking:
    """Return the k largest positive entries of each row of a sparse matrix [n, m].

    Returns:
        Columns [n, k] int32 best first (of equal values the lower column first), padded with -1, and their
        values [n, k] float32, padded with -inf.
    """
    keys = np.full((matrix.shape[0], k), NO_KEY, np.int64)
    if matrix.nnz and k:
        entries = (matrix.indptr, matrix.indices, matrix.data.astype(np.float32, copy=False))
        _top_of_rows(entries, keys, np.empty(BUCKETS, np.int32))
    return sorted_ranking(keys)


def best_of_rows(matrix: Matrix, k: int) -> Matrix:
    """Keep the k largest positive entries of each row of a sparse matrix [n, m], best first.

    Some rows at a time: a ranking has room for k of each, and most rows of a large catalogue have none.
    """
    starts = range(0, max(matrix.shape[0], 1), RANKED_AT_ONCE)
    blocks = [
        rows_of(top_of_rows(matrix[start : start + RANKED_AT_ONCE], k), matrix.shape[1]) for start in starts
    ]
    return scipy.sparse.vstack(blocks, format="csr")


def top_of_product(weights: SparseRows, matrix: Matrix, k: int) -> Ranking:
    """Return `top_of_rows(weights @ matrix, k)`, one query after the other: what is summed of one stays in the cache."""
    keys = np.empty((weights.shape[0], k), np.int64)
    totals = cleared(matrix.shape[1]).view(np.float32)
    _top_of_product((weights.indptr, weights.indices, weights.data), parts_of(matrix), totals, keys)
    return sorted_ranking(keys)


def parts_of(matrix: Matrix) -> tuple[Any, Any, Any]:
    """Return offsets, columns and values of a sparse matrix, as kernels read them fastest."""
    return matrix.indptr, unsigned(matrix.indices), matrix.data


def unsigned(columns: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.integer]:
    """Return columns [m], none below 0, as unsigned numbers; those of 64 bits, for more than 2^31 entries, as they are.

    Compiled code asks of a signed number whether it counts from the end.
    """
    return columns.view(np.uint32) if columns.dtype == np.int32 else columns


def sorted_ranking(keys: npt.NDArray[np.int64]) -> Ranking:
    """Sort the keys [n, k] of chosen entries, and read columns and values off them."""
    keys.sort(axis=1)
    rows, scores = np.empty(keys.shape, np.int32), np.empty(keys.shape, np.float32)
    _read_keys(keys, rows, scores.view(np.int32))
    return rows, scores


# Written out, since numba takes half a minute to compile NumPy's partition and sorts, once a machine.
@numba.njit(cache=True, nogil=True)
def _top_of_rows(matrix, keys, counts):  # type: ignore[no-untyped-def]
    offsets, columns, values = matrix
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        keep_best(columns[first:last], values[first:last], counts, keys[i])


@numba.njit(cache=True, nogil=True)
def _top_of_product(ours, theirs, totals, keys):  # type: ignore[no-untyped-def]
    most = most_of_product(ours, theirs[0]) + 1
    columns, sums, counts = np.empty(most, np.int32), np.empty(most, np.float32), np.empty(BUCKETS, np.int32)
    for i in range(len(ours[0]) - 1):
        count = multiply_row(ours, theirs, i, (columns, sums), totals, 0)
        keys[i] = NO_KEY
        keep_best(columns[:count], sums[:count], counts, keys[i])


@numba.njit(cache=True, nogil=True)
def keep_best(columns, values, counts, keys):  # type: ignore[no-untyped-def]
    """Fill keys [k] with those of the best positive values, in no order; of equal ones the lower columns.

    Values fall into buckets by their leading bits, and those of the bucket at the border into finer ones; those of the
    buckets that surely fit are taken, and of the finer bucket at the border the best by a heap.
    """
    k, bits = len(keys), values.view(np.int32)
    border, above = -1, 0
    if len(values) > k:
        border, above = border_of(values, bits, counts, k)
        if border >= 0:
            border, above = _finer_border(bits, counts, (border, above), k)
    taken, size, worst = 0, 0, keys[above:]
    for place in range(len(values)):
        finer = bits[place] >> FINER_BITS
        if values[place] <= 0 or finer < border:
            continue
        key = (np.int64(MOST_BITS - bits[place]) << 31) | columns[place]
        if finer > border:
            keys[taken] = key
            taken += 1
        elif len(worst):
            size = _into_heap(key, worst, size)


@numba.njit(cache=True, nogil=True)
def border_of(values, bits, counts, k):  # type: ignore[no-untyped-def]
    """Return the bucket whose positive values do not all fit into k with those above, -1 for none, and how many are above."""
    counts[:] = 0
    border, above = 0, 0
    for place in range(len(values)):
        if values[place] > 0:
            bucket = bits[place] >> BUCKET_BITS
            counts[bucket] += 1
            border = max(border, bucket)
    while border >= 0 and above + counts[border] <= k:
        above += counts[border]
        border -= 1
    return border, above


@numba.njit(cache=True, nogil=True)
def _finer_border(bits, counts, border, k):  # type: ignore[no-untyped-def]
    """Return the same as `border_of`, of the finer buckets within its bucket."""
    (bucket, above), finer = border, 0
    counts[:] = 0
    for place in range(len(bits)):
        if bits[place] >> BUCKET_BITS == bucket:
            within = (bits[place] >> FINER_BITS) & (BUCKETS - 1)
            counts[within] += 1
            finer = max(finer, within)
    while finer > 0 and above + counts[finer] <= k:
        above += counts[finer]
        finer -= 1
    return (bucket << (BUCKET_BITS - FINER_BITS)) + finer, above


@numba.njit(cache=True, nogil=True)
def _into_heap(key, keys, size):  # type: ignore[no-untyped-def]
    """Put a key into a heap whose root is the largest, which is the worst; a full one drops it. Returns the new size."""
    if size < len(keys):
        keys[size] = key
        size += 1
        if size == len(keys):
            for parent in range(size // 2, -1, -1):
                _sink(keys, parent)
    elif key < keys[0]:
        keys[0] = key
        _sink(keys, 0)
    return size


@numba.njit(cache=True, nogil=True)
def _sink(keys, parent):  # type: ignore[no-untyped-def]
    """Move an entry of a heap down until both below it are smaller."""
    while 2 * parent + 1 < len(keys):
        child = 2 * parent + 1
        if child + 1 < len(keys) and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= keys[parent]:
            return
        keys[parent], keys[child] = keys[child], keys[parent]
        parent = child


@numba.njit(cache=True, nogil=True)
def _read_keys(keys, rows, bits):  # type: ignore[no-untyped-def]
    for i in range(keys.shape[0]):
        for place in range(keys.shape[1]):
            key = keys[i, place]
            rows[i, place] = key & MOST_BITS if key < NO_KEY else NO_ROW
            bits[i, place] = MOST_BITS - (key >> 31) if key < NO_KEY else NO_SCORE


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
