"""Neighbours by co-occurrence: what the same listeners and the same sessions hold together.

Item-based collaborative filtering (Sarwar et al. 2001) with shrunk cosines (Bell and Koren 2007).
"""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse

from crossfade.features.interactions import Interactions
from crossfade.retrieval.sparse import Matrix, best_of_rows, matrix_of
from crossfade.schema.ids import Rows

# Tracks of one session were chosen together, so it is a basket besides the listener's own. On 30Music 0.5 to 2 are about
# equal, on the twin 0.5 to 1.
SESSION_WEIGHT: Final = 1.0
# A basket of n counts n ** -0.5 as much, so that heavy listeners do not decide alone; of more than 500 the newest are
# taken, since pairs grow with the square.
BASKET_DAMPING: Final = 0.5
MAX_BASKET: Final = 500
# Pairs that are multiplied out at once, about 12 bytes each: bounds memory.
BLOCK_PAIRS: Final = 20_000_000


def baskets(interactions: Interactions, columns: Rows, width: int) -> Matrix:
    """Stack each listener's and each session's set of positive columns, newest 500.

    Args:
        interactions: [n] interactions.
        columns: [n] int32 the column of each (its track or artist), -1 for none.
        width: Columns are below it.

    Returns:
        Sparse [num_users + num_sessions, width]; its Gram matrix is the weighted number of baskets in common.
    """
    kept = interactions.positive & (columns >= 0)
    users, sessions = interactions.user_rows[kept], interactions.sessions[kept]
    parts = [
        _weighted(np.unique(owners, return_inverse=True)[1], columns[kept], width, weight)
        for owners, weight in ((users, 1.0), (sessions, SESSION_WEIGHT))
    ]
    return scipy.sparse.vstack(parts, format="csr")


def _weighted(owners: npt.NDArray[np.int64], columns: Rows, width: int, weight: float) -> Matrix:
    """Return the baskets [num_owners, width], each entry the root of its basket's weight."""
    order = np.argsort(owners, kind="stable")
    counts = np.bincount(owners)
    ends = np.cumsum(counts)
    newest = ends[owners[order]] - np.arange(len(order)) <= MAX_BASKET
    sizes = np.minimum(counts, MAX_BASKET)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    matrix = matrix_of(np.ones(offsets[-1]), columns[order][newest], offsets, width)
    distinct = np.diff(matrix.indptr)
    roots = np.sqrt(weight * np.maximum(distinct, 1) ** -BASKET_DAMPING)
    matrix.data[:] = np.repeat(roots, distinct)
    return matrix


def neighbours(occurrences: Matrix, num_neighbours: int, shrinkage: float) -> Matrix:
    """Return each column's strongest neighbours.

    The likeness of i and j is C[i, j] / (sqrt(C[i, i] C[j, j]) + shrinkage) with C the Gram matrix of the
    baskets; shrinkage, in weighted baskets, keeps two columns seen together once from looking alike.

    Args:
        occurrences: Sparse [num_baskets, width] of `baskets`.
        num_neighbours: Kept for each column.
        shrinkage: At least 0.

    Returns:
        Sparse [width, width] float32, row i holds the neighbours of i, strongest first; never i itself.
    """
    owners_of = occurrences.T.tocsr()
    width = owners_of.shape[0]
    norms = np.sqrt(
        np.bincount(occurrences.indices, weights=occurrences.data.astype(float) ** 2, minlength=width)
    )
    blocks = [
        _strongest(owners_of[start:stop] @ occurrences, start, norms, shrinkage, num_neighbours)
        for start, stop in pairwise(_edges(owners_of, occurrences))
    ]
    empty = scipy.sparse.csr_matrix((width, width), dtype=np.float32)
    return scipy.sparse.vstack(blocks, format="csr") if blocks else empty


def _edges(owners_of: Matrix, occurrences: Matrix) -> list[int]:
    """Cut the rows into blocks of about `BLOCK_PAIRS` products."""
    sizes = np.diff(occurrences.indptr)
    pairs = np.concatenate([[0], np.cumsum(sizes[owners_of.indices])])[owners_of.indptr]
    inner = np.searchsorted(pairs, np.arange(BLOCK_PAIRS, pairs[-1], BLOCK_PAIRS))
    return list(map(int, np.unique([0, *inner, owners_of.shape[0]])))


def _strongest(pairs: Matrix, start: int, norms: npt.NDArray[np.float64], shrinkage: float, k: int) -> Matrix:
    """Normalise one block of the Gram matrix, rows from `start` on, and keep the k strongest of each row."""
    own = np.repeat(np.arange(start, start + pairs.shape[0]), np.diff(pairs.indptr))
    likeness = pairs.data / (norms[own] * norms[pairs.indices] + shrinkage)
    pairs.data = np.where(own == pairs.indices, 0, likeness).astype(np.float32)
    return best_of_rows(pairs, k)
