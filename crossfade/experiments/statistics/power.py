"""How many users and days an experiment needs, before anyone starts it."""

import math

from scipy.stats import norm

from crossfade.schema.errors import InputError


def users_per_arm(effect: float, variance: float, *, alpha: float, power: float, ratio: float = 1.0) -> int:
    """Return the users that the treatment needs to find an effect by a two-sided z-test (Fleiss 1981).

    Args:
        effect: The difference of means to be found, not 0.
        variance: Of the metric over users.
        alpha: The share of false alarms.
        power: The share of such effects that are found.
        ratio: Users of the control for each user of the treatment.

    Raises:
        InputError: No effect, or a share outside of 0..1.
    """
    if effect == 0 or not (0 < alpha < 1 and 0 < power < 1):
        raise InputError(
            f"A plan needs an effect other than 0, and alpha and power between 0 and 1; got effect {effect}, alpha {alpha}, "
            f"power {power}."
        )
    scores = float(norm.isf(alpha / 2) + norm.isf(1 - power))
    return math.ceil(scores**2 * variance * (1 + 1 / ratio) / effect**2)


def detectable_effect(
    users: int, variance: float, *, alpha: float, power: float, ratio: float = 1.0
) -> float:
    """Return the smallest effect that so many users of the treatment find; arguments as in `users_per_arm`."""
    scores = float(norm.isf(alpha / 2) + norm.isf(1 - power))
    return scores * math.sqrt(variance * (1 + 1 / ratio) / users)


def power_of(effect: float, users: int, variance: float, *, alpha: float, ratio: float = 1.0) -> float:
    """Return the share of experiments that find an effect, in its direction; arguments as in `users_per_arm`."""
    error = math.sqrt(variance * (1 + 1 / ratio) / users)
    return float(norm.sf(norm.isf(alpha / 2) - abs(effect) / error))
