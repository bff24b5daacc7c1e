"""Guardrails: metrics that must not get worse by more than a margin."""

from enum import StrEnum

import numpy as np


class Verdict(StrEnum):
    """What an interval says of a guardrail."""

    HARMED = "harmed"  # surely worse than the margin allows
    SAFE = "safe"  # surely not worse than it allows
    OPEN = "open"  # neither is sure yet


def verdict(low: float, high: float, *, margin: float, higher_is_better: bool) -> Verdict:
    """Compare an interval of treatment minus control with a non-inferiority margin.

    Args:
        low: End of the interval, in the units of the margin.
        high: Other end.
        margin: How much worse is allowed, at least 0.
        higher_is_better: The metric's direction.

    Returns:
        OPEN also where an end is not a number.
    """
    worst, best = (low, high) if higher_is_better else (-high, -low)
    if np.isnan(worst) or np.isnan(best):
        return Verdict.OPEN
    if best < -margin:
        return Verdict.HARMED
    return Verdict.SAFE if worst > -margin else Verdict.OPEN
