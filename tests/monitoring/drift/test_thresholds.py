"""Windows without drift give the threshold; the false alarms that it lets through are those that were allowed."""

import numpy as np
import pytest

from monitoring.drift.judging import judge
from monitoring.drift.measures import Kind, Measure
from monitoring.drift.series import Series, days_from, weekdays
from monitoring.drift.thresholds import (
    DAYS_PER_MONTH,
    FURTHEST,
    LEAST_SCORE,
    Strays,
    profiles,
    strays,
    studentised,
    tail_limit,
    threshold,
)
from tests.monitoring.drift import worlds

DAYS = days_from(worlds.FIRST, 28 + 1)


def test_a_day_is_held_against_the_nearest_weekday() -> None:
    # Weekdays are all "a", weekends all "b"; the day after the reference is a Monday that looks like a Sunday.
    counts = np.array([[0, 100] if day.weekday() >= 5 else [100, 0] for day in DAYS], float)
    counts[-1] = [0, 100]
    found = strays(Series(Measure("m", Kind.MIX, ""), "all", ("a", "b"), counts), weekdays(DAYS), 28)
    assert found.later == pytest.approx([0])
    assert found.nearest.tolist() == [5]
    assert found.without_drift == pytest.approx(np.zeros(28))


def test_each_week_is_held_against_the_others() -> None:
    # The second week is another mix than the three others: only its days stray, and they from the others alone.
    counts = np.array([[0, 100] if 7 <= day < 14 else [100, 0] for day in range(29)], float)
    found = strays(Series(Measure("m", Kind.MIX, ""), "all", ("a", "b"), counts), weekdays(DAYS), 28)
    assert np.flatnonzero(found.without_drift > 0.9).tolist() == list(range(7, 14))


def test_a_day_with_too_little_is_not_judged() -> None:
    counts = np.full((29, 2), 100.0)
    counts[3], counts[28] = [1, 0], [0, 0]
    mix = strays(Series(Measure("m", Kind.MIX, ""), "all", ("a", "b"), counts), weekdays(DAYS), 28)
    assert np.isnan(mix.later[0])
    assert np.isnan(mix.without_drift[3])
    volume = strays(Series(Measure("v", Kind.VOLUME, ""), "all", ("",), counts[:, :1]), weekdays(DAYS), 28)
    # A volume of nothing is what must be told; nearest is Thursday, of whose four days one had 1 and the others 100.
    assert volume.later == pytest.approx([np.log(76.25)])
    assert profiles(counts, np.arange(29) % 7)[6].tolist() == [100, 100]


def test_scores_leave_the_scored_day_out() -> None:
    alone = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 2.0])
    before, after = studentised(Strays(alone, np.array([1.0]), np.array([0])), 0.0)
    others = alone[:-1]  # the last day by the seven others
    assert before[-1] == pytest.approx((2.0 - others.mean()) / others.std(ddof=1))
    # The furthest day, 2.0, is more than 2.5 standard deviations off: it gives the spread.
    assert after[0] == pytest.approx(
        (1.0 - alone.mean()) / max(alone.std(ddof=1), (2.0 - alone.mean()) / FURTHEST)
    )


def test_what_never_strayed_has_a_spread_of_its_own() -> None:
    before, after = studentised(Strays(np.zeros(28), np.array([0.05]), np.array([0])), 0.1)
    assert before == pytest.approx(np.zeros(28))
    assert after[0] == pytest.approx(0.05 / 0.01)


def test_too_few_known_days_are_no_score() -> None:
    alone = np.full(28, np.nan)
    alone[:6] = 0.1
    assert all(np.isnan(part).all() for part in studentised(Strays(alone, np.ones(1), np.zeros(1, int)), 0.1))


@pytest.mark.parametrize("allowed", [1.0, 3.0])
def test_the_threshold_is_passed_as_often_as_is_allowed(allowed: float) -> None:
    """Of any distribution: 56 days set the threshold, the 57th is tried; over and over."""
    days = np.random.default_rng(0).lognormal(2, 1, (4000, 57))
    passed = [day[-1] > threshold(day[:-1], allowed) for day in days]
    assert np.mean(passed) * DAYS_PER_MONTH == pytest.approx(allowed, rel=0.2)


@pytest.mark.parametrize("allowed", [0.5, 1.0, 3.0])
def test_where_tails_are_exponential_half_of_the_days_tell_the_same_and_scatter_less(allowed: float) -> None:
    days = LEAST_SCORE + np.random.default_rng(0).exponential(1.0, (4000, 57))
    limits = np.array([[tail_limit(day[:-1], allowed), threshold(day[:-1], allowed)] for day in days])
    assert np.mean(days[:, -1] > limits[:, 0]) * DAYS_PER_MONTH == pytest.approx(allowed, rel=0.2)
    scatter, of_few_days = limits.std(axis=0)
    assert scatter < (0.75 if allowed <= 1 else 0.9) * of_few_days


def test_a_tail_of_nothing_is_the_least_score() -> None:
    assert tail_limit(np.full(56, -np.inf), 1.0) == LEAST_SCORE
    days = np.linspace(4, 9, 28)
    assert tail_limit(days, 30.0) == days[13]  # every day may be one: the median
    assert tail_limit(days, 0.2) > tail_limit(days, 1.0) > days[13]


def test_fewer_alarms_than_days_can_show_raise_the_threshold() -> None:
    days = np.linspace(4, 9, 28)
    assert threshold(days, 0.2) > threshold(days, 0.5) > 9
    assert threshold(np.full(56, -np.inf), 1.0) == LEAST_SCORE  # nothing strayed by its least change


def test_false_alarms_are_as_rare_as_they_may_be() -> None:
    """Days of nothing but chance, without least changes: about one alarm a month over ten series together."""
    alarms = months = 0.0
    for seed in range(15):
        series = worlds.mixes(seed, 10, worlds.NUM_REFERENCE + 28)
        found = judge(series, days_from(worlds.FIRST, 84), worlds.NUM_REFERENCE, worlds.settings(min_mix=0.0))
        alarms += sum(number > 0 for number in found.alarms)
        months += 28 / DAYS_PER_MONTH
    assert 0.3 < alarms / months < 2.0
