"""Arms that have the users they were allocated, and arms that lost some."""

import math

import numpy as np
import pytest

from crossfade.experiments.statistics.sample_ratio import always_valid_p_value, p_value, sources
from crossfade.schema.errors import InputError

HALVES = np.array([0.5, 0.5])


def test_mendels_peas() -> None:
    # 556 peas against 9 : 3 : 3 : 1 have a chi-squared of 0.470024 with three degrees of freedom, whose tail has a closed form.
    distance = 2.25**2 / 312.75 + 3.75**2 / 104.25 + 3.25**2 / 104.25 + 2.75**2 / 34.75
    assert distance == pytest.approx(0.470024, abs=1e-6)
    tail = math.erfc(math.sqrt(distance / 2)) + math.sqrt(2 * distance / math.pi) * math.exp(-distance / 2)
    found = p_value(np.array([315, 108, 101, 32]), np.array([9, 3, 3, 1]) / 16)
    assert found == pytest.approx(tail, abs=1e-9)
    assert round(float(found), 4) == 0.9254


def test_one_user_in_a_hundred_lost_trips_it_and_none_does_not() -> None:
    random = np.random.default_rng(1)
    kept = random.multinomial(1_000_000, HALVES, 400)
    assert 0.005 < (p_value(kept, HALVES) < 0.02).mean() < 0.04
    lossy = np.column_stack([kept[:, 0], random.binomial(kept[:, 1], 0.99)])
    assert (p_value(lossy, HALVES) < 0.001).mean() > 0.9
    assert p_value(np.array([0, 0]), HALVES) == 1


def test_it_may_be_looked_at_daily() -> None:
    random = np.random.default_rng(2)
    fair = np.cumsum(random.multinomial(1000, HALVES, (1000, 28)), axis=1)
    found = always_valid_p_value(fair, HALVES)
    assert (found[:, -1] < 0.05).mean() <= 0.05
    assert (p_value(fair, HALVES) < 0.05).any(axis=1).mean() > 0.2
    biased = np.cumsum(random.multinomial(1000, [0.52, 0.48], (200, 28)), axis=1)
    assert (always_valid_p_value(biased, HALVES)[:, -1] < 0.05).mean() > 0.95
    assert (np.diff(found, axis=1) <= 0).all()


def test_the_country_whose_client_loses_users_is_named() -> None:
    even, few = np.array([10_000, 10_020]), np.array([5_000, 4_600])
    by = {"country": {"SE": even, "DE": few}, "day": {"Mon": even + 3, "Tue": even[::-1]}}
    (found,) = sources(by, HALVES)
    assert (found.dimension, found.value, found.counts) == ("country", "DE", (5000, 4600))
    assert found.p_value == pytest.approx(4 * float(p_value(few, HALVES)))
    assert sources({}, HALVES) == []


@pytest.mark.parametrize("allocation", [[0.5, 0.0], [1.0]])
def test_shares_must_be_of_the_arms(allocation: list[float]) -> None:
    with pytest.raises(InputError, match=r"a share above 0 for each of the 2 arms; got \["):
        p_value(np.array([1, 1]), np.array(allocation))
    with pytest.raises(InputError, match="a share above 0"):
        always_valid_p_value(np.array([[1, 1]]), np.array(allocation))
