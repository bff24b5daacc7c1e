"""The difference between two arms, absolute and relative, with intervals for one look at a planned end."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.stats import norm

from crossfade.experiments.statistics.moments import Doubles, Moments


@dataclass(frozen=True)
class Effect:
    """Estimates of how much better the treatment is, with the squared standard errors; arrays of one shape.

    Args:
        estimate: Treatment minus control, or its share of the control's mean.
        variance: Of the estimate.
    """

    estimate: Doubles
    variance: Doubles

    @classmethod
    def absolute(cls, treatment: Moments, control: Moments) -> Self:
        """Return the difference of the means; arms are independent, their variances may differ (Welch 1947)."""
        return cls(
            np.asarray(treatment.mean - control.mean),
            np.asarray(treatment.variance_of_mean + control.variance_of_mean),
        )

    @classmethod
    def relative(cls, treatment: Moments, control: Moments) -> Self:
        """Return the difference as a share of the control's mean, by the delta method; NaN where that mean is 0."""
        base = np.where(control.mean == 0, np.nan, control.mean)
        ratio = treatment.mean / base
        variance = (treatment.variance_of_mean + ratio**2 * control.variance_of_mean) / base**2
        return cls(np.asarray(ratio - 1), np.asarray(variance))

    def interval(self, alpha: float) -> tuple[Doubles, Doubles]:
        """Return the ends of the interval that covers the truth in 1 - alpha of experiments which are looked at once."""
        reach = norm.isf(alpha / 2) * np.sqrt(self.variance)
        return self.estimate - reach, self.estimate + reach

    def p_value(self) -> Doubles:
        """Return the two-sided p-value of a z-test, for one look only; NaN where nothing is known."""
        error = np.sqrt(self.variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.where(
                error > 0, np.abs(self.estimate) / error, np.where(self.estimate == 0, 0.0, np.inf)
            )
        return np.where(np.isnan(self.estimate), np.nan, 2 * norm.sf(scores))
