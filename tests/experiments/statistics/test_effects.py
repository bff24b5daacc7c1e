"""Differences between arms against arithmetic by hand."""

import numpy as np
import pytest

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Moments

CONTROL = Moments(np.array(400.0), np.array(2.0), np.array(4.0))
TREATMENT = Moments(np.array(100.0), np.array(2.5), np.array(9.0))


def test_an_absolute_effect_adds_the_variances_of_the_means() -> None:
    effect = Effect.absolute(TREATMENT, CONTROL)
    assert effect.estimate == pytest.approx(0.5)
    assert effect.variance == pytest.approx(9 / 100 + 4 / 400)
    # z = 0.5 / sqrt(0.1) = 1.5811388; two-sided p = 0.1138463, and 1.959964 errors to each side.
    assert effect.p_value() == pytest.approx(0.1138463, abs=1e-6)
    assert effect.interval(0.05) == (pytest.approx(-0.1197950, abs=1e-6), pytest.approx(1.1197950, abs=1e-6))


def test_a_relative_effect_has_the_controls_error_too() -> None:
    effect = Effect.relative(TREATMENT, CONTROL)
    assert effect.estimate == pytest.approx(0.25)
    assert effect.variance == pytest.approx((9 / 100 + 1.25**2 * 4 / 400) / 2**2)


def test_no_share_of_nothing_is_known() -> None:
    nothing = Effect.relative(TREATMENT, Moments(np.array(400.0), np.array(0.0), np.array(0.0)))
    assert np.isnan([nothing.estimate, nothing.variance, nothing.p_value()]).all()


def test_without_variance_only_equality_is_no_finding() -> None:
    nothing = np.zeros(2)
    np.testing.assert_array_equal(Effect(np.array([0.0, 1.0]), nothing).p_value(), [1.0, 0.0])
