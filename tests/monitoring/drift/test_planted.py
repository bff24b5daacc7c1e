"""Drift planted into a small simulated world is found on its day, of the right group; a week and a holiday without it are quiet.

How often days without drift are not quiet, in larger worlds and over more of them, is measured by `crossfade bench drift`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from benchmarks.drift.days import Days
from benchmarks.drift.planting import KINDS
from crossfade.lake.engine_duckdb import engine
from crossfade.schema.settings import load_settings
from crossfade.twin.spec import TwinSpec

SPEC = TwinSpec(num_users=500, num_tracks=1500, num_days=35, seed=7, listens_per_day=6.0)
# More of it than in the benchmark's worlds: so few listeners differ much from day to day.
MORE = {"taste_shift": 0.8, "new_genre": 0.15}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    folder = tmp_path_factory.mktemp("days")
    with engine(folder) as session:
        settings = load_settings(None, ["drift.groups=3", "drift.reference_weeks=4"])
        yield Days.made(SPEC, folder, session, settings, 28)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_planted_is_found_on_its_day(world: Days, name: str) -> None:
    kind = KINDS[name]
    if name in MORE:
        kind = replace(kind, plant=partial(kind.plant, share=MORE[name]))
    found = world.verdict(world.later[:1], kind)
    assert {(each.measure, each.group) for each in found.moved} & {
        (measure, kind.group) for measure in kind.measures
    }
    assert all(each.since == world.later[0].isoformat() for each in found.moved)


def test_a_week_without_drift_is_quiet(world: Days) -> None:
    found = world.verdict(world.later)
    assert len(found.days) == 7
    assert sum(number > 0 for number in found.alarms) <= 1  # a day of a month may be one


def test_a_holiday_week_is_only_season(world: Days) -> None:
    holidays = world.with_holidays(range(28, 33))
    usual = sum(len(world.of_days(world.events, [day])) for day in world.later[:5])
    more = sum(len(world.of_days(holidays, [day])) for day in world.later[:5])
    assert more > 1.1 * usual  # the holiday is there
    assert world.verdict(world.later, events=holidays).alarms == [0] * 7
