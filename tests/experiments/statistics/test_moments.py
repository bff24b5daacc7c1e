"""Moments of arms, with what users did before taken out, and of ratios."""

import numpy as np
import pytest

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Moments, adjusted, linearised


def test_they_are_those_of_numpy_and_growing_ones_are_those_of_everybody_so_far() -> None:
    values = np.random.default_rng(1).normal(1e6, 2.0, (3, 5, 40))
    growing = Moments.growing(values)
    for block in range(5):
        so_far = Moments.of(values[:, : block + 1].reshape(3, -1))
        np.testing.assert_allclose(growing.mean[:, block], so_far.mean, rtol=1e-12)
        np.testing.assert_allclose(growing.variance[:, block], so_far.variance, rtol=1e-9)
        assert (growing.count[:, block] == 40 * (block + 1)).all()


def test_few_users_have_no_variance() -> None:
    assert Moments.of(np.array([3.0])) == Moments(np.float64(1), np.float64(3), np.float64(0))  # type: ignore[arg-type]
    nobody = Moments.of(np.zeros(0))
    assert nobody.count == 0
    assert np.isnan(nobody.mean)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_cuped_cuts_the_variance_by_the_squared_correlation_and_keeps_the_effect(correlation: float) -> None:
    random, users, effect = np.random.default_rng(2), 40_000, 0.1
    before = random.normal(5, 1, (2, users))
    noise = random.normal(0, 1, (2, users))
    values = correlation * before + np.sqrt(1 - correlation**2) * noise
    values[0] += effect
    told = adjusted(list(values), list(before))
    plain, less = (
        Effect.absolute(Moments.of(arms[0]), Moments.of(arms[1])) for arms in (values, np.stack(told))
    )
    assert less.variance / plain.variance == pytest.approx(1 - correlation**2, abs=0.02)
    assert less.estimate == pytest.approx(effect, abs=4 * np.sqrt(less.variance))


def test_what_never_varied_before_changes_nothing() -> None:
    values = np.array([1.0, 2.0, 4.0])
    same, other = adjusted([values, values + 1], [np.full(3, 7.0), np.full(3, 7.0)])
    np.testing.assert_array_equal(same, values)
    np.testing.assert_array_equal(other, values + 1)


def test_a_ratio_of_sums_has_the_error_of_users_not_of_plays() -> None:
    # By hand: ratio 6 / 12; errors (1 - 2/2, 1 - 4/2, 4 - 6/2) over a mean of 4 are 0, -1/4 and 1/4; variance 1/16.
    told = linearised(np.array([1.0, 1.0, 4.0]), np.array([2.0, 4.0, 6.0]))
    assert told.mean == pytest.approx(0.5)
    assert told.variance == pytest.approx(1 / 16)
    # Against repeated draws: users differ in how much they play and how often they skip.
    random = np.random.default_rng(3)
    plays = random.poisson(random.gamma(2, 10, (2000, 500))).astype(np.float64)
    skips = random.binomial(plays.astype(int), random.beta(2, 5, (2000, 500))).astype(np.float64)
    ratios = skips.sum(axis=1) / plays.sum(axis=1)
    errors = [linearised(*pair).variance_of_mean for pair in zip(skips[:50], plays[:50], strict=True)]
    assert np.mean(errors) == pytest.approx(ratios.var(), rel=0.1)
