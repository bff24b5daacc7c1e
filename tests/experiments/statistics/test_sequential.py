"""Peeking every day, on experiments without an effect and with one."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Doubles, Moments
from crossfade.experiments.statistics.sequential import (
    LEAST_USERS,
    always_valid,
    always_valid_p_values,
    enough_users,
    running,
)

EXPERIMENTS, DAYS, USERS_A_DAY, ALPHA, SCALE = 2000, 28, 60, 0.05, 0.15


def looks(effect: float, seed: int) -> Effect:
    """Daily looks [experiments, days]; a user's plays are skewed, as they are."""
    random = np.random.default_rng(seed)
    arms = random.exponential(1.0, (2, EXPERIMENTS, DAYS, USERS_A_DAY))
    arms[0] += effect
    return Effect.absolute(Moments.growing(arms[0]), Moments.growing(arms[1]))


def ever_outside(interval: tuple[Doubles, Doubles], truth: float) -> float:
    low, high = interval
    return float(((truth < low) | (truth > high)).any(axis=-1).mean())


def test_two_thousand_experiments_without_an_effect_raise_at_most_five_in_a_hundred_alarms() -> None:
    nothing = looks(0.0, seed=1)
    assert ever_outside(nothing.interval(ALPHA), 0.0) > 0.2  # what a z-test does that is looked at daily
    assert ever_outside(always_valid(nothing, ALPHA, scale=SCALE), 0.0) <= ALPHA
    assert (always_valid_p_values(nothing, scale=SCALE)[:, -1] <= ALPHA).mean() <= ALPHA


def test_a_planted_effect_is_found_and_covered() -> None:
    planted = looks(0.15, seed=2)
    interval = always_valid(planted, ALPHA, scale=SCALE)
    assert ever_outside(interval, 0.15) <= ALPHA
    assert (interval[0] > 0).any(axis=1).mean() > 0.8
    assert (running(*interval)[0][:, -1] > 0).mean() > 0.8


def test_the_p_value_is_one_over_the_mixture_of_likelihood_ratios() -> None:
    for estimate, variance, scale in ((0.3, 0.02, 0.2), (0.05, 0.01, 0.1), (-0.4, 0.03, 0.5)):
        mixture, _ = quad(
            lambda d, e=estimate, v=variance, s=scale: (
                norm.pdf(e, d, np.sqrt(v)) / norm.pdf(e, 0, np.sqrt(v)) * norm.pdf(d, 0, s)
            ),
            -5,
            5,
            points=[estimate],
        )
        found = always_valid_p_values(Effect(np.array([estimate]), np.array([variance])), scale=scale)
        assert found[0] == pytest.approx(min(1 / mixture, 1), abs=1e-6)


def test_the_interval_leaves_out_zero_exactly_where_the_p_value_says_so() -> None:
    variance = np.full(200, 0.01)
    effects = Effect(np.linspace(-1, 1, 200), variance)
    low, high = always_valid(effects, ALPHA, scale=0.1)
    apart = Effect(effects.estimate[:, None], variance[:, None])
    np.testing.assert_array_equal(
        (low > 0) | (high < 0), always_valid_p_values(apart, scale=0.1)[:, 0] < ALPHA
    )


def test_p_values_never_rise_and_no_variance_is_certainty() -> None:
    found = always_valid_p_values(looks(0.1, seed=3), scale=SCALE)
    assert (np.diff(found, axis=1) <= 0).all()
    unknown = Effect(np.full((1, 2), np.nan), np.full((1, 2), np.nan))
    assert np.isnan(always_valid_p_values(unknown, scale=SCALE)).all()
    certain = Effect(np.array([[0.0], [0.2]]), np.zeros((2, 1)))
    np.testing.assert_array_equal(always_valid_p_values(certain, scale=SCALE)[:, 0], [1.0, 0.0])
    np.testing.assert_array_equal(always_valid(certain, ALPHA, scale=SCALE)[0][:, 0], [0.0, 0.2])


def test_small_arms_say_nothing() -> None:
    counts = np.array([LEAST_USERS - 1, LEAST_USERS, LEAST_USERS], np.float64)
    assert enough_users(counts, np.full(3, 1e6)).tolist() == [False, True, True]
