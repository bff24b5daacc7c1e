"""A ratio of means and its interval, over users who have both."""

import numpy as np
import pytest

from benchmarks.ratios import ratio
from crossfade.schema.settings import default_settings


def test_a_ratio_is_of_means_over_users_who_have_both() -> None:
    theirs = np.random.default_rng(0).uniform(1, 2, 400)
    ours = np.append(1.5 * theirs, np.nan)
    found = ratio(ours, np.append(theirs, 7.0), default_settings())
    assert found == pytest.approx((1.5, 1.5, 1.5))
    noisy = ratio(theirs[::-1].copy(), theirs, default_settings())
    assert noisy.low < 1 < noisy.high
