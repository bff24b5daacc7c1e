"""Intervals of a quantile's effect cover the truth as often as they say."""

import math

import numpy as np
import pytest

from crossfade.experiments.statistics.quantiles import quantile_effect
from crossfade.schema.errors import InputError


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_coverage(quantile: float) -> None:
    random, truth = (
        np.random.default_rng(1),
        -math.log(1 - quantile),
    )  # of twice an exponential, minus the exponential
    covered = 0
    for _ in range(600):
        effect = quantile_effect(random.exponential(2.0, 800), random.exponential(1.0, 1200), quantile)
        low, high = effect.interval(0.05)
        covered += bool(low <= truth <= high)
    assert 0.92 < covered / 600 < 0.975


@pytest.mark.parametrize(("quantile", "users"), [(0.99, 20), (1.0, 500), (0.0, 500)])
def test_too_few_users_for_a_quantile_are_refused(quantile: float, users: int) -> None:
    with pytest.raises(InputError, match=rf"The quantile {quantile} needs .*; got {users} users"):
        quantile_effect(np.arange(float(users)), np.arange(1000.0), quantile)
