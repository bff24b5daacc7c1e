"""What moved is told by its bins, and by the cohorts that moved in it, which raise no alarm by themselves."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.drift.measures import Kind, Measure
from monitoring.drift.moved import bin_names
from monitoring.drift.series import Series
from tests.monitoring.drift import worlds
from tests.monitoring.drift.test_judging import DAYS, shifted, verdict


def test_what_moved_for_everybody_names_the_cohorts_that_moved() -> None:
    everybody = shifted(worlds.mixes(1, 1, len(DAYS))[0], slice(-1, None), 0.6)
    new, casual = (
        replace(worlds.mixes(seed, 1, len(DAYS))[0], group=f"cohort {name}")
        for seed, name in ((2, "new"), (3, "casual"))
    )
    new = shifted(new, slice(-1, None), 0.9)
    found = verdict([everybody, new, casual, *worlds.mixes(1, 6, len(DAYS))[1:]])
    (moved,) = found.moved
    assert (moved.group, set(moved.by_cohort)) == ("everybody", {"new", "casual"})
    assert moved.by_cohort["new"] > moved.distance > 2 * moved.by_cohort["casual"]


def test_the_genre_that_moved_most_names_the_cohorts_too() -> None:
    genres = Measure("genres", Kind.MIX, "")
    series = [replace(each, measure=genres) for each in worlds.mixes(1, 2, len(DAYS))]
    everybody = shifted(series[0], slice(-1, None), 0.6)
    new = replace(shifted(series[1], slice(-1, None), 0.9), group="cohort new")
    found = {each.measure: each for each in verdict([everybody, new]).moved}
    assert set(found) == {"genres", "genres_share"}
    assert all(each.by_cohort["new"] > each.distance for each in found.values())


def test_a_cohort_alone_is_no_alarm_and_lifts_no_threshold() -> None:
    series = worlds.mixes(1, 6, len(DAYS))
    alone = replace(shifted(series[0], slice(20, None), 0.9), group="cohort new")
    assert verdict([*series, alone]).moved == []
    assert verdict([*series, alone]).threshold == verdict(series).threshold


def test_a_level_is_told_by_its_means() -> None:
    means = np.random.default_rng(0).normal(1, 0.05, len(DAYS))
    means[-1] = 3
    counts = 50 * np.column_stack([np.ones(len(DAYS)), means, means**2 + 1])
    (moved,) = verdict(
        [Series(Measure("score_mean", Kind.LEVEL, ""), "everybody", ("0", "1", "2"), counts)]
    ).moved
    assert moved.distance == pytest.approx(2, abs=0.1)  # in standard deviations, of which each is 1
    assert moved.bins["score_mean"] == (pytest.approx(1, abs=0.05), 3)


def test_a_number_is_told_by_ranges() -> None:
    number = Series(
        Measure("age", Kind.NUMBER, "", (1.0, 7.0, 28.0)), "all", ("0", "1", "2", "3"), np.ones((1, 4))
    )
    assert bin_names(number) == ["below 1", "1 to 7", "7 to 28", "from 28"]
    assert bin_names(Series(Measure("skips", Kind.RATE, ""), "all", ("False", "True"), np.ones((1, 2)))) == (
        "no",
        "yes",
    )
