"""Files are chosen by what Delta's log knows of their days, and never left out where it knows nothing."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from crossfade.lake.days import UNTIMED
from crossfade.lake.forgetting import delete_rows
from crossfade.lake.lake import GOLD, Lake
from crossfade.lake.versions import days_of_files, files_of_days, live_files
from crossfade.schema import columns as c
from tests.lake.rows import START, bronze, minute

DAY: Final = 24 * 60
FIRST: Final = START.date()


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake whose table has three files: of day 0 to its last moment, of days 3 and 5, and of no time."""
    lake = Lake.create(tmp_path / "lake")
    last = minute(DAY) - timedelta(microseconds=1)
    for moments in ([minute(0), last], [minute(3 * DAY), None, minute(5 * DAY)], [None]):
        lake.append(GOLD, "table", bronze([{c.TIMESTAMP: moment} for moment in moments]))
    return lake


def chosen(lake: Lake, first: date, last: date) -> list[int]:
    """Return the numbers of rows of the files that may hold rows of some days."""
    files = files_of_days(lake.delta(GOLD, "table"), c.TIMESTAMP, [(first, last)])
    return sorted(pq.read_metadata(file).num_rows for file in files)


def test_only_files_that_may_hold_a_day_are_read(lake: Lake) -> None:
    assert chosen(lake, day(0), day(0)) == [2]
    assert chosen(lake, day(2), day(2)) == []
    assert chosen(lake, day(4), day(4)) == [3]  # between a file's first and last day
    assert chosen(lake, day(5), date.max) == [3]
    assert chosen(lake, UNTIMED, UNTIMED) == [1, 3]
    files = files_of_days(lake.delta(GOLD, "table"), c.PLAYED_SHARE, [(day(0), day(0))])
    assert files == []  # all are null


def test_days_are_counted_without_reading_rows(lake: Lake) -> None:
    found = days_of_files(lake.delta(GOLD, "table"), c.TIMESTAMP)
    assert found is not None
    assert {day(0), day(3), day(4), day(5), UNTIMED} <= found
    assert day(2) not in found


def test_a_file_of_which_the_log_knows_nothing_is_always_read(lake: Lake) -> None:
    assert (
        delete_rows(
            lake, GOLD, "table", (c.TIMESTAMP,), lambda rows: pc.not_equal(pc.is_null(rows.column(0)), True)
        )
        == 2
    )
    table = lake.delta(GOLD, "table")
    assert days_of_files(table, c.TIMESTAMP) is None
    unknown = files_of_days(table, c.TIMESTAMP, [(day(9), day(9))])
    assert len(unknown) == 2
    assert set(unknown) < set(live_files(table))
