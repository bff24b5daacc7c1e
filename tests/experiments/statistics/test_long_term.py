"""Surrogates that carry the long term, and effects that wear off."""

import numpy as np
import pytest

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.long_term import SurrogateIndex, trend
from crossfade.schema.errors import InputError


def test_an_effect_on_surrogates_is_carried_into_the_long_term() -> None:
    random = np.random.default_rng(1)
    past = random.normal(0, 1, (5000, 2))
    index = SurrogateIndex.fit(past, 0.2 + past @ [0.5, -0.3] + random.normal(0, 0.5, 5000))
    np.testing.assert_allclose(index.slopes, [0.5, -0.3], atol=0.03)
    assert index.explained == pytest.approx(0.34 / (0.34 + 0.25), abs=0.03)
    control, treatment = random.normal(0, 1, (2, 20_000, 2))
    effect = index.effect(treatment + np.array([0.4, 0.0]), control)
    assert effect.estimate == pytest.approx(0.5 * 0.4, abs=0.03)


def test_nothing_to_explain_and_too_few_users() -> None:
    assert SurrogateIndex.fit(np.arange(8.0)[:, None], np.ones(8)).explained == 0.0
    with pytest.raises(InputError, match="of 2 surrogates needs more than 3 users; got 3"):
        SurrogateIndex.fit(np.zeros((3, 2)), np.zeros(3))


def test_a_novelty_that_wears_off_has_a_falling_trend() -> None:
    fading = trend(Effect(np.array([1.0, 0.8, 0.6, 0.4]), np.full(4, 0.01)))
    assert fading.estimate == pytest.approx(-0.2)
    assert fading.variance == pytest.approx(0.01 / 5)  # squares about the middle: 2.25 + 0.25 + 0.25 + 2.25
    low, high = trend(Effect(np.full(4, 0.5), np.array([0.1, 0.2, 0.1, 0.3]))).interval(0.05)
    assert low < 0 < high
    with pytest.raises(InputError, match="at least 3 days; got 2"):
        trend(Effect(np.ones(2), np.ones(2)))
