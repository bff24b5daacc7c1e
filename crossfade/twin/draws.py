"""Vectorised draws: from weights, from rows of cumulative weights, and without replacement (Gumbel top-k)."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
_SMALLEST = np.float32(1e-20)


def gumbels(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return standard Gumbel noise, float32; adding it to log weights makes the argmax a draw by weight."""
    exponentials = rng.standard_exponential(shape, dtype=np.float32)
    return -np.log(np.maximum(exponentials, _SMALLEST))


def draw(rng: np.random.Generator, log_weights: npt.NDArray[np.floating[Any]]) -> Places:
    """Draw one place of each row of [n, k] log weights. Returns [n] int64."""
    return np.asarray(np.argmax(log_weights + gumbels(rng, log_weights.shape), axis=1))


def draw_shares(rng: np.random.Generator, shares: npt.NDArray[np.floating[Any]], count: int) -> Places:
    """Draw `count` places by [k] weights. Returns [count] int64."""
    cumulative = np.cumsum(shares, dtype=np.float64)
    return np.searchsorted(cumulative / cumulative[-1], rng.random(count), side="right").clip(
        max=len(shares) - 1
    )


def draw_without_replacement(rng: np.random.Generator, log_weights: Floats, count: int) -> Places:
    """Draw `count` places of each row of [n, k] log weights, in random order by weight.

    Gumbel top-k (Vieira 2014): sorting log weights plus Gumbel noise is drawing without replacement.

    Returns:
        [n, min(count, k)] int64; places with log weight -inf come last and are the caller's to mask.
    """
    keys = -(log_weights + gumbels(rng, log_weights.shape))
    return np.argsort(keys, axis=1, kind="stable")[:, :count]


def draw_cumulative(cumulative: Floats, rows: Places, uniforms: Floats) -> Places:
    """Draw a place from the row of cumulative weights that each draw names; one binary search for all draws.

    Args:
        cumulative: [n, k] float32, rising to 1 along each row.
        rows: [m] the row to draw from.
        uniforms: [m] float32 in [0, 1).

    Returns:
        [m] int64 places below k.
    """
    low = np.zeros(len(rows), np.int64)
    high = np.full(len(rows), cumulative.shape[1] - 1, np.int64)
    for _ in range(int(cumulative.shape[1]).bit_length()):
        middle = (low + high) >> 1
        right = cumulative[rows, middle] <= uniforms
        low = np.where(right & (low < high), middle + 1, low)
        high = np.where(right, high, middle)
    return np.asarray(low)


def places_within(counts: npt.NDArray[np.integer[Any]]) -> Places:
    """Return 0, 1, .. within each group of the given sizes, flat: [2, 3] gives [0, 1, 0, 1, 2]."""
    ends = np.cumsum(counts)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts))


def ranks_within(owners: npt.NDArray[np.integer[Any]]) -> Places:
    """Return how many earlier entries have the same owner, for each of [n] owners."""
    order = np.argsort(owners, kind="stable")
    changes = np.flatnonzero(np.diff(owners[order], prepend=-1))
    starts = np.zeros(len(owners), np.int64)
    starts[changes] = changes
    ranks = np.empty(len(owners), np.int64)
    ranks[order] = np.arange(len(owners)) - np.maximum.accumulate(starts)
    return ranks
