"""Effects by cohort, pulled towards the common one as far as their spread may be chance.

The largest of many cohorts' effects is mostly luck. The cohorts' true effects are taken to be normal about a common one, with a
variance that is estimated from how much more the estimates spread than their errors explain (DerSimonian and Laird 1986);
each estimate then moves towards the common one by the share of its variance that is error (empirical Bayes, Morris 1983).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Doubles


class Cohorts(NamedTuple):
    """Effects by cohort after shrinkage.

    Args:
        effects: [num_cohorts] shrunk, with their variances.
        common: The effect that they are pulled to.
        spread: Standard deviation of the true effects; 0 where chance explains all.
        p_value: Of Cochran's test that all cohorts have the same effect.
    """

    effects: Effect
    common: float
    spread: float
    p_value: float


def shrunk(raw: Effect) -> Cohorts:
    """Return the effects of cohorts [num_cohorts] after shrinkage; the cohorts share no users.

    Args:
        raw: Estimates with variances above 0, of at least one cohort.
    """
    weights: Doubles = 1 / raw.variance
    common = float((weights * raw.estimate).sum() / weights.sum())
    distance = float((weights * (raw.estimate - common) ** 2).sum())
    freedom = len(weights) - 1
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    spread = max((distance - freedom) / scale, 0.0) if freedom else 0.0
    weights = 1 / (raw.variance + spread)
    common = float((weights * raw.estimate).sum() / weights.sum())
    kept = spread / (raw.variance + spread)
    effects = Effect(
        common + kept * (raw.estimate - common), kept * raw.variance + (1 - kept) ** 2 / weights.sum()
    )
    chance = float(chi2.sf(distance, freedom)) if freedom else 1.0
    return Cohorts(effects, common, float(np.sqrt(spread)), chance)
