"""Intervals and p-values that stay valid however often, and whenever, somebody looks.

The mixture sequential probability ratio test (Robbins 1970; for experiments Johari, Pekelis and Walsh 2015) with a normal
mixture over possible effects. A naive interval that is looked at daily errs more and more often; these err at most in a share
alpha of experiments over all looks together, for which they are wider.
"""

from typing import Final

import numpy as np

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Doubles

# Below so many users of an arm a mean is not nearly normal, and nothing is said: the interval is everything.
LEAST_USERS: Final = 100


def always_valid(effect: Effect, alpha: float, *, scale: float) -> tuple[Doubles, Doubles]:
    """Return the ends of a confidence sequence at each look.

    Args:
        effect: At each look, of all users so far.
        alpha: The share of experiments in which the truth is outside at any look.
        scale: The standard deviation of the mixture, in units of the effect: the size of effects that are to be found
            soonest. The minimum detectable effect is a good choice. It must not be chosen after looking.

    Returns:
        Low and high ends.
    """
    spread = effect.variance / (effect.variance + scale**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = effect.variance / (1 - spread) * (2 * np.log(1 / alpha) - np.log(spread))
    reach = np.where(effect.variance > 0, np.sqrt(squared), 0.0)
    return effect.estimate - reach, effect.estimate + reach


def always_valid_p_values(effect: Effect, *, scale: float) -> Doubles:
    """Return the p-value at each look: the smallest so far along the last axis, which never rises again.

    Args:
        effect: [..., num_looks] in the order of time.
        scale: As in `always_valid`.
    """
    variance, tau = effect.variance, scale**2
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = 0.5 * np.log(variance / (variance + tau)) + effect.estimate**2 * tau / (
            2 * variance * (variance + tau)
        )
    certain = np.where(effect.estimate == 0, 1.0, 0.0)
    told = np.where(variance > 0, np.minimum(np.exp(-log_ratio), 1.0), certain)
    told = np.where(np.isnan(effect.estimate), np.nan, told)
    return np.minimum.accumulate(told, axis=-1)


def running(low: Doubles, high: Doubles) -> tuple[Doubles, Doubles]:
    """Return the intersection of the intervals of all looks so far [..., num_looks], which is as valid as each of them.

    Where they do not meet, which happens in a share alpha of experiments at most if nothing else is wrong, an end beyond the
    other says so.
    """
    return np.maximum.accumulate(low, axis=-1), np.minimum.accumulate(high, axis=-1)


def enough_users(*counts: Doubles) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return where every arm has the users without which a mean is not nearly normal."""
    return np.asarray(np.minimum.reduce(counts) >= LEAST_USERS)
