"""What is planted is found, of whom and since when; chance and small changes are not."""

import numpy as np
import pytest

from crossfade.schema.errors import InputError
from monitoring.drift.judging import Verdict, judge
from monitoring.drift.measures import Kind, Measure
from monitoring.drift.series import Series, days_from
from tests.monitoring.drift import worlds

LATER = 5
DAYS = days_from(worlds.FIRST, worlds.NUM_REFERENCE + LATER)


def verdict(series: list[Series], **changes: float) -> Verdict:
    return judge(series, DAYS, worlds.NUM_REFERENCE, worlds.settings(**changes))


def shifted(series: Series, days: slice, share: float) -> Series:
    counts = series.counts.copy()
    moved = np.round(share * counts[days, 0])
    counts[days, 0] -= moved
    counts[days, 3] += moved
    return Series(series.measure, series.group, series.bins, counts)


def test_a_shift_is_found_with_its_first_day_and_what_moved() -> None:
    series = worlds.mixes(1, 6, len(DAYS))
    series[2] = shifted(series[2], slice(-2, None), 0.6)
    found = verdict(series)
    (moved,) = found.moved
    assert (moved.measure, moved.group, moved.since) == ("m2", "everybody", DAYS[-2].isoformat())
    assert moved.score > found.threshold
    assert moved.psi is not None
    assert moved.psi > 0.1
    assert moved.wasserstein is None
    assert list(moved.bins)[:2] == ["d", "a"] or list(moved.bins)[:2] == ["a", "d"]
    assert found.alarms[-3:] == [0, 1, 1]
    assert found.ratios()["m2"] > 1
    assert all(ratio < 1 for name, ratio in found.ratios().items() if name != "m2")
    assert found.strayed == {"m2, everybody": [day.isoformat() for day in DAYS[-2:]]}


def test_a_shift_that_is_over_is_told_by_its_day_alone() -> None:
    series = worlds.mixes(1, 6, len(DAYS))
    series[2] = shifted(series[2], slice(-3, -1), 0.6)
    found = verdict(series)
    assert found.moved == []
    assert found.alarms[-3:] == [1, 1, 0]


def test_a_change_below_the_least_is_no_alarm_however_sure() -> None:
    series = worlds.mixes(1, 3, len(DAYS), listens=1_000_000)
    series[0] = shifted(series[0], slice(-1, None), 0.05)
    assert verdict(series).moved == []
    assert [moved.measure for moved in verdict(series, min_mix=0.0).moved] == ["m0"]
    assert 0.8 < verdict(series).ratios()["m0"] < 1  # near, and not over


def test_groups_with_too_little_are_left_out() -> None:
    few = worlds.mixes(1, 1, len(DAYS), listens=150)
    many = worlds.mixes(2, 1, len(DAYS), listens=250)
    assert (
        verdict([*few, Series(many[0].measure, "country SE", many[0].bins, many[0].counts)]).num_series == 1
    )


def test_where_all_have_too_little_that_is_told() -> None:
    with pytest.raises(
        InputError,
        match=r"on half of the days until .* fewer than drift.min_listens=\d{9} .*; set it lower, or",
    ):
        verdict(worlds.mixes(1, 2, len(DAYS)), min_listens=100_000_000)


def test_days_are_nothing_and_json_where_nothing_came_after() -> None:
    series = [Series(one.measure, one.group, one.bins, one.counts[:56]) for one in worlds.mixes(1, 2, 56)]
    found = judge(series, DAYS[:56], 56, worlds.settings())
    assert (found.days, found.moved, found.alarms) == ([], [], [])
    assert found.as_json()["scores"] == {"m0, everybody": [], "m1, everybody": []}
    assert found.ratios() == {}


def test_volumes_losses_and_vectors_tell_their_own_figures() -> None:
    random = np.random.default_rng(0)
    listens = random.poisson(1000, len(DAYS)).astype(float)[:, None]
    listens[-1] = 100
    users = np.full(len(DAYS), 50.0)
    ndcg = np.column_stack([users, users * random.normal(0.2, 0.01, len(DAYS))])
    ndcg[-1, 1] = 50 * 0.05
    vectors = np.column_stack([users, users * random.normal(0.1, 0.01, len(DAYS))])
    vectors[-1, 1] = 50 * 0.9
    found = verdict(
        [
            Series(Measure("listens", Kind.VOLUME, ""), "everybody", ("",), listens),
            Series(Measure("ndcg", Kind.LOSS, ""), "everybody", ("0", "1"), ndcg),
            Series(Measure("vectors", Kind.DIRECTION, ""), "everybody", ("0", "1"), vectors),
        ]
    )
    told = {moved.measure: moved for moved in found.moved}
    assert told["listens"].bins["listens"] == (pytest.approx(1000, rel=0.05), 100)
    assert told["ndcg"].bins["ndcg"] == (pytest.approx(0.2, rel=0.05), pytest.approx(0.05))
    assert told["vectors"].bins == {}
    assert told["vectors"].psi is None


def test_a_genre_that_gains_is_found_where_the_mix_of_many_does_not_show_it() -> None:
    """Of 40 genres, as listeners who come and go make them stray, one gains 70 of a thousand listens."""
    random = np.random.default_rng(4)
    shares = random.dirichlet(np.full(40, 40.0), len(DAYS))
    counts = np.array([random.multinomial(1000, day) for day in shares], float)
    counts[-1, 0] += 70
    names = tuple(f"g{place:02}" for place in range(40))
    (moved,) = verdict([Series(Measure("genres", Kind.MIX, ""), "country BR", names, counts)]).moved
    assert (moved.measure, moved.group, moved.kind) == ("genres_share", "country BR", "share")
    assert next(iter(moved.bins)) == "g00"
    assert moved.psi is not None
