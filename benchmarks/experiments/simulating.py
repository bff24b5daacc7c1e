"""Simulated experiments, looked at on each day."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from crossfade.experiments.decision import PRIORS
from crossfade.experiments.statistics import sample_ratio
from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Moments, adjusted
from crossfade.experiments.statistics.power import users_per_arm
from crossfade.experiments.statistics.sequential import always_valid

EXPERIMENTS, DAYS, USERS_A_DAY = 2000, 28, 60
ALPHA: Final = 0.05
EFFECT: Final = 0.15  # of a mean of 1, whose deviation is 1
POWER: Final = 0.8
LOST: Final = 0.01  # of the treatment's users, by a bug
USERS: Final = 2_000_000  # of an experiment whose split is looked at
SAMPLE_RATIO_ALPHA: Final = 0.001
CORRELATION: Final = 0.7


@dataclass(frozen=True)
class Simulated:
    """Shares of experiments.

    Args:
        experiments: Without an effect, and as many with one.
        false_alarms: Without an effect, whose always-valid interval left out 0 on any day.
        false_alarms_of_z_tests: ... whose usual interval did.
        covered: With an effect, whose interval held it on all days.
        found_as_planned: With an effect, that a z-test finds at the planned number of users.
        false_mismatches: Rightly split, that a look on any day calls wrong.
        found_mismatches: Whose treatment lost one user in a hundred, that are called wrong by the last day.
        cuped_against_theory: Variance left by CUPED, over 1 minus the squared correlation.
    """

    experiments: int
    false_alarms: float
    false_alarms_of_z_tests: float
    covered: float
    found_as_planned: float
    false_mismatches: float
    found_mismatches: float
    cuped_against_theory: float


def simulated(rounds: int, seed: int = 17) -> Simulated:
    """Simulate rounds of 2,000 experiments."""
    found = np.mean([_round(np.random.default_rng([seed, each])) for each in range(rounds)], axis=0)
    return Simulated(rounds * EXPERIMENTS, *(float(value) for value in found))


def _round(random: np.random.Generator) -> list[float]:
    nothing, planted = _looks(random, 0.0), _looks(random, EFFECT)
    return [
        _ever_outside(always_valid(nothing, ALPHA, scale=EFFECT), 0.0),
        _ever_outside(nothing.interval(ALPHA), 0.0),
        1 - _ever_outside(always_valid(planted, ALPHA, scale=EFFECT), EFFECT),
        _found_as_planned(random),
        _mismatched(random, 0.0),
        _mismatched(random, LOST),
        _cuped(random),
    ]


def _looks(random: np.random.Generator, effect: float) -> Effect:
    """Return the effect so far on each day [experiments, days]."""
    arms = random.exponential(1.0, (2, EXPERIMENTS, DAYS, USERS_A_DAY))
    arms[0] += effect
    return Effect.absolute(Moments.growing(arms[0]), Moments.growing(arms[1]))


def _ever_outside(interval: tuple[np.ndarray, np.ndarray], truth: float) -> float:
    low, high = interval
    return float(((truth < low) | (truth > high)).any(axis=-1).mean())


def _found_as_planned(random: np.random.Generator) -> float:
    users = users_per_arm(EFFECT, 1.0, alpha=ALPHA, power=POWER)
    arms = random.exponential(1.0, (2, EXPERIMENTS, 1, users))
    arms[0] += EFFECT
    return float(
        (Effect.absolute(Moments.growing(arms[0]), Moments.growing(arms[1])).p_value() < ALPHA).mean()
    )


def _mismatched(random: np.random.Generator, lost: float) -> float:
    """Return the share of experiments whose split is called wrong on any day."""
    daily = random.binomial(USERS // DAYS, 0.5, (EXPERIMENTS, DAYS))
    treated = random.binomial(USERS // DAYS - daily, 1 - lost)
    counts = np.stack([daily, treated], axis=-1).cumsum(axis=1)
    shares = np.array([0.5, 0.5])
    chances = [sample_ratio.always_valid_p_value(counts, shares, prior_users=each) for each in PRIORS]
    return float((len(PRIORS) * np.min(chances, axis=0)[:, -1] < SAMPLE_RATIO_ALPHA).mean())


def _cuped(random: np.random.Generator) -> float:
    """Return the variance that is left, over what theory leaves."""
    covariance = [[1, CORRELATION], [CORRELATION, 1]]
    earlier, values = random.multivariate_normal([0, 0], covariance, 20_000).T
    (cleared,) = adjusted([values], [earlier])
    return float(cleared.var() / values.var() / (1 - CORRELATION**2))
