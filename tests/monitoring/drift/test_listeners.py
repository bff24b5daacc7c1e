"""Cohorts need a week of the lake, and a sample is the same each time; what counts make of both is told in test_counting."""

from hashlib import md5
from pathlib import Path

from crossfade.lake.days import with_day
from crossfade.lake.engine_duckdb import engine
from crossfade.schema import columns as c
from monitoring.drift.listeners import sampled, with_cohort
from monitoring.drift.measures import COHORT
from tests.monitoring.drift.test_counting import DAY, DAYS, EVENTS, event, table


def test_cohorts_are_unknown_before_a_week_of_the_lake_has_passed(tmp_path: Path) -> None:
    with engine(tmp_path) as session:
        events = table(session, tmp_path, "events", EVENTS)
        rows = session.rows(with_cohort(with_day(events), events, DAYS, DAYS[1]))
    found = {(row[c.DAY], row[COHORT]) for row in rows.to_pylist() if row[c.DAY] in DAYS}
    assert found == {(DAYS[0], None), (DAYS[1], "new")}


def test_a_sample_of_listeners_is_the_same_each_time(tmp_path: Path) -> None:
    listens = [event(user, "old", hours) for user in "abcd" for hours in (1, 2)]
    with engine(tmp_path) as session:
        events = table(session, tmp_path, "events", [*listens, event("e", "old", 25)])
        two, four, later = (
            sampled(events, session, day, most).to_pylist()
            for day, most in ((DAY, 2), (DAY, 4), (DAYS[1], 9))
        )
    assert four == sorted("abcde", key=lambda user: md5(user.encode()).hexdigest())[:4] != list("abcd")
    assert (two, later) == (four[:2], ["e"])
