"""The bar tells a cheap day from a dear one, equal lakes from others, and the events are what they are said to be."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from benchmarks import lake_incremental as bench
from benchmarks.lake.days import (
    ACTIVE_SHARE,
    LATE_SHARE,
    LISTENS_PER_USER_DAY,
    REPEATED_SHARE,
    START,
    events_of_days,
)
from crossfade.lake.build import STEPS
from crossfade.lake.lake import Lake
from crossfade.lake.making import schema_of
from crossfade.schema import columns as c
from tests.lake.rows import arrow, minute

DAY = 24 * 60


@pytest.mark.parametrize(("seconds", "holds"), [(5.0, True), (5.1, False)])
def test_the_bar(seconds: float, holds: bool) -> None:
    first, rebuild = (bench._Refreshed(each, each, 0, {}) for each in (99.0, 100.0 / bench.OF_REBUILD))
    days = [bench._Refreshed(each, 2 * each, 7, {"silver/events": 1.0}) for each in (1.0, seconds, 9.0)]
    result = bench._result(first, days, rebuild, {"events": 9})
    assert [bar.holds for bar in result.bars.values()] == [holds]
    assert (result.figures["day_share"], result.figures["day_cpu_share"]) == pytest.approx(
        (seconds / 100, seconds / 50)
    )


def test_a_row_that_only_one_lake_has_is_told(tmp_path: Path) -> None:
    lakes = [Lake.create(tmp_path / name) for name in ("by-days", "whole")]
    for lake in lakes:
        for step in STEPS:
            lake.append(*step.target.split("/"), schema_of(step.target).empty_table())
    bench._require_equal(*lakes)
    lakes[0].append("gold", "track_days", arrow([{c.TRACK_ID: "t"}], schema_of("gold/track_days")))
    with pytest.raises(AssertionError, match=r"gold/track_days: \(1, .*\) by days, \(0, 0\) at once"):
        bench._require_equal(*lakes)


def test_the_last_day_is_partly_late_and_partly_twice() -> None:
    users = 4_000
    events = events_of_days(np.random.default_rng(1), users, 90, 1)
    assert len(events) == pytest.approx(users * LISTENS_PER_USER_DAY, rel=0.05)
    assert pc.count_distinct(events.column(c.USER_ID)).as_py() == pytest.approx(
        users * ACTIVE_SHARE, rel=0.05
    )
    late = pc.sum(pc.less(events.column(c.TIMESTAMP), minute(90 * DAY))).as_py() / len(events)
    repeated = 1 - pc.count_distinct(events.column(c.EVENT_ID)).as_py() / len(events)
    assert (late, repeated) == pytest.approx((LATE_SHARE, REPEATED_SHARE), rel=0.25)
    assert pc.max(events.column(c.TIMESTAMP)).as_py() < minute(91 * DAY)
    first = events_of_days(np.random.default_rng(1), 100, 0, 2)
    assert pc.min(first.column(c.TIMESTAMP)).as_py() >= START
