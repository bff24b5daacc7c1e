"""Upkeep merges and removes files, and changes nothing of what is read, refreshed, pinned or streamed."""

from pathlib import Path
from typing import Final

import pytest

from crossfade.lake.build import refresh
from crossfade.lake.history import versions
from crossfade.lake.lake import BRONZE, GOLD, Lake
from crossfade.lake.layout import bronze_schema
from crossfade.lake.streams import Span, StreamTable
from crossfade.lake.upkeep import TableUpkeep, compact
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import EVENTS
from tests.lake.rows import Row, bronze, minute

SETTINGS: Final = default_settings()
UPKEEP: Final = SETTINGS.upkeep
DAY: Final = 24 * 60
STREAM: Final = "kafka://cluster/listens/0"


def plays(first: int, number: int) -> list[Row]:
    return [
        {
            c.USER_ID: f"u{place % 3}",
            c.TRACK_ID: f"t{place % 5}",
            c.TIMESTAMP: minute(place * DAY / 4),
            c.EVENT_TYPE: "exposure" if place % 4 == 3 else "listen",
            c.EVENT_ID: f"e{place}",
            c.SOURCE_ROW: place,
        }
        for place in range(first, first + number)
    ]


def streamed(lake: Lake, batches: int) -> StreamTable:
    """Append batches of five events each, as a consumer does."""
    stream = StreamTable(lake, BRONZE, EVENTS.name, bronze_schema(EVENTS))
    for number in range(batches):
        start = number * 5
        assert stream.append(bronze(plays(start, 5)), [Span(STREAM, start or None, start + 5)])
    return stream


def of(done: tuple[TableUpkeep, ...], name: str) -> TableUpkeep:
    return next(each for each in done if each.name == name)


def test_small_files_are_merged_and_nothing_else_changes(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    stream = streamed(lake, 6)
    refresh(lake, SETTINGS)
    rows = lake.read(BRONZE, EVENTS.name).sort_by(c.EVENT_ID)
    done = of(compact(lake, UPKEEP, {}), "bronze/events")
    assert (done.files_before, done.files_after) == (6, 1)
    assert lake.read(BRONZE, EVENTS.name).sort_by(c.EVENT_ID).equals(rows)
    assert refresh(lake, SETTINGS).written == ()
    assert str(done) == "bronze/events: 6 files are now 1; 0 removed from disk"
    assert not any(each.files_removed for each in compact(lake, UPKEEP, {}))
    # The stream goes on where it stood, also for a consumer that starts anew.
    stream.refresh()
    assert stream.position(STREAM) == 30
    again = StreamTable(lake, BRONZE, EVENTS.name, bronze_schema(EVENTS))
    assert again.append(bronze(plays(30, 5)), [Span(STREAM, 30, 35)])
    assert not again.append(bronze(plays(30, 5)), [Span(STREAM, 30, 35)])
    assert refresh(lake, SETTINGS).tables[0].rows_silver == 35


def test_old_files_go_and_pinned_versions_stay_readable(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(GOLD, "table", bronze(plays(0, 4)))
    for first in (4, 8, 12):
        lake.overwrite(GOLD, "table", bronze(plays(first, 4)))
    assert of(compact(lake, UPKEEP, {}), "gold/table").files_removed == 0
    aged = UPKEEP.model_copy(update={"version_days": 0})  # as if a week had passed
    assert of(compact(lake, aged, {"gold/table": {1}}), "gold/table").files_removed == 2
    assert lake.read(GOLD, "table", 1).num_rows == 4
    assert lake.read(GOLD, "table").column(c.EVENT_ID).to_pylist() == ["e12", "e13", "e14", "e15"]
    gone = rf"^Version 0 of gold/table in the lake at {lake.path} is gone: .*; read the newest, \d+, and run again"
    for read in (lake.read, lake.dataset, lake.files):
        with pytest.raises(NotFoundError, match=gone):
            read(GOLD, "table", 0)


def test_events_past_their_age_go_from_silver_and_gold_too(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    streamed(lake, 8)  # ten days
    refresh(lake, SETTINGS)
    kept = UPKEEP.model_copy(update={"bronze_days": 6, "exposure_days": 2})
    done = of(compact(lake, kept, {}), "bronze/events")
    # Events 0 to 39, six hours apart: those before 15 are older than six days, and of the later exposures those before 31.
    exposures = [place for place in range(15, 31) if place % 4 == 3]
    assert done.rows_expired == 15 + len(exposures)
    report = refresh(lake, SETTINGS)
    assert report.tables[0].rows_silver == 40 - done.rows_expired
    assert lake.num_rows(GOLD, "interactions") == sum(place % 4 != 3 for place in range(15, 40))
    assert of(compact(lake, kept, {}), "bronze/events").rows_expired == 0


def test_the_history_says_what_a_version_was_made_from_and_who_pins_it(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    streamed(lake, 2)
    refresh(lake, SETTINGS)
    (made,) = [
        each
        for each in versions(lake, {"gold/track_days": {0: ["bundle b"]}})
        if each.table == "gold/track_days"
    ]
    assert made.made_from == {"gold/interactions": 0}
    assert made.pinned_by == ["bundle b"]
    assert str(made).endswith("from gold/interactions 0  pinned by bundle b")


def test_tables_of_days_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    rows = [*plays(0, 12), {c.USER_ID: "u", c.TRACK_ID: "t", c.EVENT_ID: "untimed", c.TIMESTAMP: None}]
    for row in reversed(rows):
        lake.append(GOLD, "table", bronze([row]))
    done = of(compact(lake, UPKEEP, {}), "gold/table")
    assert (done.files_before, done.files_after) == (13, 1)
    moments = lake.read(GOLD, "table").column(c.TIMESTAMP).drop_null().to_pylist()
    assert moments == sorted(moments)
    assert len(moments) == 12
