"""Least squares of implicit feedback: one side of a factorisation, given the other.

Hu, Koren and Volinsky (2008): a pair with feedback r is wanted (1) with confidence 1 + alpha r, every other pair is not
wanted (0) with confidence 1. For one row with vector x over the other side's vectors Y this is the linear system
(Y'Y + regularization I + sum of alpha r y y') x = sum of (1 + alpha r) y, summed over the row's own entries.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.retrieval.sparse import Matrix

Doubles = npt.NDArray[np.float64]

# Each alternation moves the other side, so a few steps towards the solution do as well as solving it (Takács, Pilászy
# and Tikk 2011).
STEPS: Final = 3


def gram_of(vectors: Floats, regularization: float) -> Doubles:
    """Return Y'Y + regularization I of vectors [num_rows, factors]: [factors, factors] float64."""
    return np.asarray(vectors.T @ vectors + regularization * np.eye(vectors.shape[1]), np.float64)


def improve(own: Floats, others: Floats, feedback: Matrix, regularization: float) -> None:
    """Move one side's vectors towards the best for the other side's, in place.

    Every step of conjugate gradients, all rows in step, lowers the loss or leaves it where it is lowest.

    Args:
        own: [n, factors] float32; rows without feedback become 0.
        others: [m, factors] float32, C-contiguous.
        feedback: Sparse [n, m] float32, alpha r at or above 0.
        regularization: At least 0.
    """
    gram = gram_of(others, regularization).astype(np.float32)
    own[np.diff(feedback.indptr) == 0] = 0
    confidence = feedback.copy()
    confidence.data = 1 + feedback.data
    residuals = confidence @ others - _multiplied(own, others, gram, feedback)
    directions, squares = residuals.copy(), _row_dots(residuals, residuals)
    for _ in range(STEPS):
        products = _multiplied(directions, others, gram, feedback)
        lengths = _ratio(squares, _row_dots(directions, products))
        own += lengths * directions
        residuals -= lengths * products
        earlier, squares = squares, _row_dots(residuals, residuals)
        directions = residuals + _ratio(squares, earlier) * directions


def _multiplied(vectors: Floats, others: Floats, gram: Floats, feedback: Matrix) -> Floats:
    """Return each row's system matrix times its vector [n, factors], without building the matrices."""
    products: Floats = vectors @ gram
    _add_weighted(vectors, others, feedback.indptr, feedback.indices, feedback.data, products)
    return products


def _row_dots(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("nf,nf->n", left, right)[:, None], np.float32)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide; 0 where a row is solved and there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def solve(others: Floats, gram: Doubles, feedback: Matrix) -> Floats:
    """Solve the system of each row exactly.

    Args:
        others: [m, factors] float32.
        gram: Their `gram_of`.
        feedback: Sparse [n, m] float32, alpha r; memory grows with n x factors x factors.

    Returns:
        [n, factors] float32, 0 for a row without feedback; a row's vector does not depend on the rows beside it.
    """
    num_rows, factors = feedback.shape[0], len(gram)
    systems = np.empty((num_rows, factors, factors))
    wanted = np.empty((num_rows, factors, 1))
    for row in range(num_rows):
        entries = slice(feedback.indptr[row], feedback.indptr[row + 1])
        vectors, rates = others[feedback.indices[entries]].astype(np.float64), feedback.data[entries]
        systems[row] = gram + (vectors.T * rates) @ vectors
        wanted[row, :, 0] = (1.0 + rates) @ vectors
    return np.asarray(np.linalg.solve(systems, wanted)[..., 0], np.float32)


# Sums may be reordered, so that they run in vector registers; their order is fixed when this is compiled.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _add_weighted(vectors, others, offsets, columns, rates, products):  # type: ignore[no-untyped-def]
    """Add the sum of rate y (y'x) over each row's entries."""
    factors = vectors.shape[1]
    for row in range(len(vectors)):
        for place in range(offsets[row], offsets[row + 1]):
            column = columns[place]
            total = np.float32(0)
            for factor in range(factors):
                total += others[column, factor] * vectors[row, factor]
            total *= rates[place]
            for factor in range(factors):
                products[row, factor] += total * others[column, factor]
