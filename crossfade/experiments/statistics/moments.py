"""Count, mean and variance of a metric over the users of an arm: all that most tests need of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Moments of one arm, or of many arms at once (days, simulated experiments): arrays of one shape.

    Args:
        count: Users.
        mean: Of the metric over users.
        variance: Of the metric over users, with n - 1 below; 0 for fewer than two users.
    """

    count: Doubles
    mean: Doubles
    variance: Doubles

    @classmethod
    def of(cls, values: Doubles) -> Self:
        """Return the moments of values [..., num_users] over their last axis."""
        count = np.full(values.shape[:-1], values.shape[-1], np.float64)
        if values.shape[-1] < 2:
            mean = values.mean(axis=-1) if values.shape[-1] else np.full(count.shape, np.nan)
            return cls(count, np.asarray(mean, np.float64), np.zeros(count.shape))
        return cls(count, np.asarray(values.mean(axis=-1)), np.asarray(values.var(axis=-1, ddof=1)))

    @classmethod
    def growing(cls, values: Doubles) -> Self:
        """Return the moments after each of the blocks of users that arrived one after the other.

        Args:
            values: [..., num_blocks, num_users of a block] float64.

        Returns:
            Moments [..., num_blocks]; the last ones are of everybody.
        """
        count = np.cumsum(np.full(values.shape[:-1], values.shape[-1], np.float64), axis=-1)
        centre = values.mean(axis=(-2, -1), keepdims=True)
        sums = np.cumsum((values - centre).sum(axis=-1), axis=-1)
        squares = np.cumsum(((values - centre) ** 2).sum(axis=-1), axis=-1)
        variance = np.maximum(squares - sums**2 / count, 0) / np.maximum(count - 1, 1)
        return cls(count, sums / count + centre[..., 0], variance)

    @property
    def variance_of_mean(self) -> Doubles:
        """The squared standard error of the mean."""
        return self.variance / self.count


def adjusted(arms: Sequence[Doubles], before: Sequence[Doubles]) -> list[Doubles]:
    """Take out of every arm what the same users did before the experiment: CUPED (Deng et al. 2013).

    The slope is that within all arms together, so that it is the same for all and differences stay unbiased. The
    variance falls by the squared correlation of a metric with its value before.

    Args:
        arms: For each arm [n] float64 metric of its users.
        before: For each arm [n] float64 of the same users before they were assigned; what is unknown must be filled alike in all.

    Returns:
        The arms' adjusted values, with the mean of all users as it was; where nothing varied before, the values as they are.
    """
    centre = np.concatenate(before).mean()
    inner = sum(
        ((one - one.mean()) * (prior - prior.mean())).sum() for one, prior in zip(arms, before, strict=True)
    )
    spread = sum(((prior - prior.mean()) ** 2).sum() for prior in before)
    slope = inner / spread if spread > 0 else 0.0
    return [one - slope * (prior - centre) for one, prior in zip(arms, before, strict=True)]


def linearised(numerators: Doubles, denominators: Doubles) -> Moments:
    """Return the moments of a ratio of sums, such as skips per play, by the delta method (Deng, Knoblich and Lu 2018).

    Users are the independent units, not their plays: a user's share of the ratio's error is
    (numerator - ratio * denominator) / mean denominator.

    Args:
        numerators: [num_users] float64.
        denominators: [num_users] float64, not all 0.

    Returns:
        Moments whose mean is sum(numerators) / sum(denominators).
    """
    ratio = numerators.sum() / denominators.sum()
    told = Moments.of((numerators - ratio * denominators) / denominators.mean())
    return Moments(told.count, np.asarray(ratio, np.float64), told.variance)
