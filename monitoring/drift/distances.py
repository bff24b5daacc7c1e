"""Distances between days, row by row over counts that an engine has made; none of them sees an event.

The kinds of measures are compared by bounded distances that are defined for empty bins; population stability index
and Wasserstein
distance are shown beside them, since people know them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.drift.measures import Kind

Doubles: TypeAlias = npt.NDArray[np.float64]
Distance = Callable[[Doubles, Doubles], Doubles]

LEAST_SPREAD: Final = 1e-9  # of what never differs
PSI_SHARE: Final = 1e-4  # least share of a bin to PSI, which is infinite for empty ones


def shares(counts: Doubles) -> Doubles:
    """Return counts [..., b] over their sums; NaN where there is nothing."""
    totals = counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0))


def jensen_shannon(now: Doubles, then: Doubles) -> Doubles:
    """Return the Jensen-Shannon distance (Endres and Schindelin 2003), 0 to 1: root of the divergence in bits.

    Args:
        now: [..., b] counts.
        then: [..., b] counts.
    """
    p, q = np.broadcast_arrays(shares(now), shares(then))
    middle = (p + q) / 2
    divergence = (_bits(p, middle) + _bits(q, middle)) / 2
    return np.sqrt(np.clip(divergence, 0, 1))


def _bits(p: Doubles, of: Doubles) -> Doubles:
    ratio = np.divide(p, of, out=np.ones_like(p), where=p > 0)
    return np.asarray((p * np.log2(ratio)).sum(axis=-1))


def stability_index(now: Doubles, then: Doubles) -> Doubles:
    """Return the population stability index (PSI); below 0.1 is called stable, above 0.25 shifted.

    Args:
        now: [..., b] counts.
        then: [..., b] counts.
    """
    p, q = (np.maximum(shares(each), PSI_SHARE) for each in (now, then))
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def kolmogorov_smirnov(now: Doubles, then: Doubles) -> Doubles:
    """Return the largest gap between cumulative shares, 0 to 1.

    Args:
        now: [..., b] counts in ordered bins.
        then: [..., b] counts in the same bins.
    """
    return np.asarray(np.abs(np.cumsum(shares(now), axis=-1) - np.cumsum(shares(then), axis=-1)).max(axis=-1))


def wasserstein(now: Doubles, then: Doubles) -> Doubles:
    """Return the earth mover's distance in bins: how many bins a listen moved on average.

    Args:
        now: [..., b] counts in ordered bins.
        then: [..., b] counts in the same bins.
    """
    return np.asarray(np.abs(np.cumsum(shares(now), axis=-1) - np.cumsum(shares(then), axis=-1)).sum(axis=-1))


def cohens_h(now: Doubles, then: Doubles) -> Doubles:
    """Return the distance of two rates after the arcsine transformation (Cohen 1988), 0 to pi; noise is alike for all rates.

    Args:
        now: [..., 2] counts of no and yes.
        then: [..., 2] counts of no and yes.
    """
    p, q = shares(now)[..., 1], shares(then)[..., 1]
    return np.asarray(np.abs(2 * np.arcsin(np.sqrt(p)) - 2 * np.arcsin(np.sqrt(q))))


def largest_h(now: Doubles, then: Doubles) -> Doubles:
    """Return Cohen's h of the category whose share moved most, 0 to pi.

    Args:
        now: [..., b] counts.
        then: [..., b] counts.
    """
    p, q = shares(now), shares(then)
    return np.asarray(np.abs(2 * np.arcsin(np.sqrt(p)) - 2 * np.arcsin(np.sqrt(q))).max(axis=-1))


def log_ratio(now: Doubles, then: Doubles) -> Doubles:
    """Return how many times more or less there is, as an absolute logarithm; one more on either side stands for none.

    Args:
        now: [..., 1] counts.
        then: [..., 1] counts.
    """
    return np.asarray(np.abs(np.log(now[..., 0] + 1) - np.log(then[..., 0] + 1)))


def mean_discrepancy(now: Doubles, then: Doubles) -> Doubles:
    """Return the maximum mean discrepancy (Gretton et al. 2012) of vectors, by sums of random features of them.

    Args:
        now: [..., 1 + f] the number of vectors and the sums of their features.
        then: [..., 1 + f] likewise.
    """
    return np.asarray(np.linalg.norm(_means(now) - _means(then), axis=-1))


def loss(now: Doubles, then: Doubles) -> Doubles:
    """Return which share of a mean was lost, 0 where it rose.

    Args:
        now: [..., 2] number and sum.
        then: [..., 2] number and sum.
    """
    before, after = np.broadcast_arrays(_means(then)[..., 0], _means(now)[..., 0])
    lost = np.divide(before - after, before, out=np.zeros_like(before), where=before > 0)
    return np.asarray(np.where(np.isnan(after), np.nan, np.maximum(lost, 0)))


def cohens_d(now: Doubles, then: Doubles) -> Doubles:
    """Return how far two means lie apart in standard deviations of what they are means of (Cohen 1988).

    Args:
        now: [..., 3] number, sum and sum of squares.
        then: [..., 3] likewise.
    """
    (p, of_p), (q, of_q) = _moments(now), _moments(then)
    return np.asarray(np.abs(p - q) / np.maximum(np.sqrt((of_p + of_q) / 2), LEAST_SPREAD))


def _moments(sums: Doubles) -> tuple[Doubles, Doubles]:
    """Return means [...] and variances [...]."""
    means = _means(sums)
    mean = means[..., 0]
    return mean, np.maximum(means[..., 1] - mean**2, 0)


def _means(sums: Doubles) -> Doubles:
    number = sums[..., :1]
    found = np.divide(sums[..., 1:], number, out=np.full(sums[..., 1:].shape, np.nan), where=number > 0)
    return np.asarray(found)


DISTANCES: Final[Mapping[Kind, Distance]] = MappingProxyType(
    {
        Kind.MIX: jensen_shannon,
        Kind.SHARE: largest_h,
        Kind.NUMBER: kolmogorov_smirnov,
        Kind.RATE: cohens_h,
        Kind.VOLUME: log_ratio,
        Kind.DIRECTION: mean_discrepancy,
        Kind.LOSS: loss,
        Kind.LEVEL: cohens_d,
    }
)
