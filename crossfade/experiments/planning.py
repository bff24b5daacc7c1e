"""How large and how long an experiment must be, from what users did in the past."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from crossfade.experiments.metrics import moments
from crossfade.experiments.spec import ExperimentSpec, Metric
from crossfade.experiments.statistics.power import detectable_effect, power_of, users_per_arm
from crossfade.lake.participants import FIRST_SHOWN
from crossfade.schema.errors import InputError

POWER: Final = 0.8
SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True)
class Plan:
    """A plan for the last step of the ramp, for a fixed end; the sequential analysis may end sooner, and needs more users if not.

    Args:
        mean: Of the primary metric a user, in the past period.
        deviation: Its standard deviation, after what users did before is taken out.
        users_needed: Of the smallest treatment.
        users_a_period: Eligible users in the past period.
        days: Until the smallest treatment has its users; None where the period's users are not enough.
        power: Of finding the minimum effect with the users of a whole period.
        detectable: The smallest relative effect that these find with the usual power.
    """

    mean: float
    deviation: float
    users_needed: int
    users_a_period: int
    days: int | None
    power: float
    detectable: float


def plan(spec: ExperimentSpec, past: pa.Table, power: float = POWER) -> Plan:
    """Plan an experiment.

    Args:
        spec: The primary metric, its minimum effect, alpha and the shares of the last step are read.
        past: Of `observed.population`: what all users did in a period.
        power: The share of effects of the minimum size that are to be found.

    Raises:
        InputError: The metric is not there, never anything but 0, or the same for everybody.
    """
    primary: Metric = spec.primary
    told = moments(primary.name, {"everybody": past}).get("everybody")
    if told is None or not float(told.mean) or not float(told.variance):
        raise InputError(
            f"{primary.name} of the {len(past)} users of the past period does not vary, or is 0; plan with another metric."
        )
    shares = spec.ramp[-1].shares
    smallest, control = min(shares.values()), 1 - sum(shares.values()) - spec.holdout
    effect, variance = spec.primary.minimum_effect * abs(float(told.mean)), float(told.variance)
    chance = {"alpha": spec.stop.alpha / len(shares), "ratio": control / smallest}
    needed = users_per_arm(effect, variance, power=power, **chance)
    there = int(len(past) * smallest)
    return Plan(
        float(told.mean),
        math.sqrt(variance),
        needed,
        len(past),
        _days(past, math.ceil(needed / smallest)),
        power_of(effect, max(there, 1), variance, **chance),
        detectable_effect(max(there, 1), variance, power=power, **chance) / abs(float(told.mean)),
    )


def _days(past: pa.Table, users: int) -> int | None:
    """Return after how many days so many users had come, None where they never did."""
    if users > len(past):
        return None
    first = np.sort(past.column(FIRST_SHOWN).cast("timestamp[s]").cast("int64").to_numpy())
    return max(math.ceil(int(first[users - 1] - first[0] + 1) / SECONDS_PER_DAY), 1)
