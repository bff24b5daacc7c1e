"""Percentile bootstrap intervals over users (Efron 1979), for many metrics and pairs of systems at once."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from crossfade.evaluation.popularity import Doubles

WEIGHTS_AT_ONCE: Final = 4_000_000  # resampled weights held at a time; bounds memory


class Interval(NamedTuple):
    """A mean over users and the ends of its bootstrap interval; NaN when no user has the metric."""

    mean: float
    low: float
    high: float


def resampled(num_users: int, samples: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yield blocks [samples of the block, num_users] float64 of how often each user is drawn.

    Equal arguments give equal weights, whatever the metric: that pairs the resamples of two systems.
    """
    rng = np.random.default_rng([seed, num_users])
    at_once = max(1, WEIGHTS_AT_ONCE // max(num_users, 1))
    for first in range(0, samples, at_once):
        block = min(at_once, samples - first)
        drawn = rng.integers(num_users, size=(block, num_users)) + np.arange(block)[:, None] * num_users
        counts = np.bincount(drawn.ravel(), minlength=block * num_users)
        yield counts.reshape(block, num_users).astype(np.float64)


def intervals(columns: Doubles, *, samples: int, confidence: float, seed: int) -> list[Interval]:
    """Return mean and interval of each column over the users for whom it is defined.

    For a paired comparison pass the differences of two systems' columns.

    Args:
        columns: [num_users, num_metrics] float64, not finite where a metric is not defined for a user.
        samples: Resampled user sets.
        confidence: For example 0.95.
        seed: Of the resampling.

    Returns:
        [num_metrics] intervals.
    """
    defined = np.isfinite(columns)
    values = np.where(defined, columns, 0.0)
    present = defined.astype(np.float64)
    counts = present.sum(axis=0)
    means = np.divide(values.sum(axis=0), counts, out=np.full(columns.shape[1], np.nan), where=counts > 0)
    if not len(columns):
        return [Interval(np.nan, np.nan, np.nan)] * columns.shape[1]
    drawn = []
    for weights in resampled(len(columns), samples, seed):
        sizes = weights @ present
        sums = weights @ values
        drawn.append(np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0))
    low, high = percentiles(np.concatenate(drawn), counts > 0, confidence)
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(means, low, high, strict=True)]


def ratios(
    columns: Doubles, others: Doubles, *, samples: int, confidence: float, seed: int
) -> list[Interval]:
    """Return each column's mean over the mean of the other system's column, with its interval.

    Args:
        columns: [num_users, num_metrics] float64, finite.
        others: The same metrics of the same users by another system.
        samples: Resampled user sets, the same ones for both.
        confidence: For example 0.95.
        seed: Of the resampling.

    Returns:
        [num_metrics] intervals; NaN where the other mean is 0, resamples for which it is 0 are left out.
    """
    values = _divided(columns.sum(axis=0), others.sum(axis=0))
    weights = resampled(len(columns), samples, seed)
    drawn = np.concatenate([_divided(block @ columns, block @ others) for block in weights])
    low, high = percentiles(drawn, np.isfinite(drawn).any(axis=0), confidence)
    return [Interval(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)]


def _divided(sums: Doubles, others: Doubles) -> Doubles:
    return np.asarray(np.divide(sums, others, out=np.full(sums.shape, np.nan), where=others > 0))


def percentiles(drawn: Doubles, usable: npt.NDArray[np.bool_], confidence: float) -> tuple[Doubles, Doubles]:
    """Return the lower and upper percentile [num_metrics] of resampled means; NaN for columns nobody has."""
    ends = np.full((2, drawn.shape[1]), np.nan)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    if usable.any():
        ends[:, usable] = np.nanquantile(drawn[:, usable], tails, axis=0)
    return ends[0], ends[1]
