"""Cohorts that differ by chance only come together, those that truly differ stay apart."""

import numpy as np
import pytest

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.heterogeneity import shrunk


def test_by_hand() -> None:
    # Weights 1, 1: common 2, distance (1 - 2)^2 + (3 - 2)^2 = 2 with 1 degree of freedom, scale 2 - 2 / 2 = 1, spread^2 = 1.
    found = shrunk(Effect(np.array([1.0, 3.0]), np.ones(2)))
    assert (found.common, found.spread) == (pytest.approx(2.0), pytest.approx(1.0))
    np.testing.assert_allclose(found.effects.estimate, [1.5, 2.5])  # half of the way
    np.testing.assert_allclose(found.effects.variance, [0.5 + 0.25, 0.5 + 0.25])
    assert found.p_value == pytest.approx(0.1572992, abs=1e-6)  # chi-squared 2, one degree of freedom


def test_shrunk_effects_are_nearer_to_the_truth_than_raw_ones() -> None:
    random = np.random.default_rng(1)
    variance = random.uniform(0.5, 3, 40)
    errors = []
    for _ in range(200):
        truth = random.normal(0.3, 0.5, 40)
        raw = random.normal(truth, np.sqrt(variance))
        told = shrunk(Effect(raw, variance)).effects.estimate
        errors.append([((told - truth) ** 2).mean(), ((raw - truth) ** 2).mean()])
    ours, theirs = np.mean(errors, axis=0)
    assert ours < theirs / 3


def test_chance_alone_is_all_pulled_together_and_one_cohort_is_itself() -> None:
    same = shrunk(Effect(np.full(5, 0.2), np.arange(1.0, 6)))
    assert same.spread == 0
    np.testing.assert_allclose(same.effects.estimate, 0.2)
    alone = shrunk(Effect(np.array([0.7]), np.array([2.0])))
    assert (alone.common, alone.spread, alone.p_value) == (pytest.approx(0.7), 0.0, 1.0)
    assert alone.effects.variance[0] == pytest.approx(2.0)
