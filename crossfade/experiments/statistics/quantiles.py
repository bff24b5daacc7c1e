"""Effects on a quantile, such as the 99th percentile of waiting, where means say nothing."""

import math

import numpy as np

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Doubles
from crossfade.schema.errors import InputError


def quantile_effect(treatment: Doubles, control: Doubles, quantile: float) -> Effect:
    """Return the difference of a quantile between two arms of independent users.

    The variance of a sample's quantile follows from the order statistics one standard error of its rank around it
    (Woodruff 1952), so no density has to be estimated.

    Args:
        treatment: [n] float64, a value for each user.
        control: [m] float64.
        quantile: Between 0 and 1.

    Raises:
        InputError: The quantile is not inside 0..1, or an arm has too few users for it to lie inside of their values.
    """
    (high, high_variance), (low, low_variance) = (_told(values, quantile) for values in (treatment, control))
    return Effect(np.asarray(high - low), np.asarray(high_variance + low_variance))


def _told(values: Doubles, quantile: float) -> tuple[float, float]:
    """Return the quantile of values [n] and its variance."""
    rank, spread = quantile * len(values), math.sqrt(len(values) * quantile * (1 - quantile))
    below, above = math.floor(rank - spread), math.ceil(rank + spread)
    if not 0 < quantile < 1 or below < 0 or above >= len(values):
        raise InputError(
            f"The quantile {quantile} needs to be between 0 and 1, with values of users on both sides; got {len(values)} users."
        )
    ordered = np.partition(values, [below, above])
    # The rank's distance in standard errors, as whole ranks allow.
    width = (above - below) / (2 * spread)
    error = (ordered[above] - ordered[below]) / (2 * width)
    return float(np.quantile(values, quantile)), float(error**2)
