"""What a refresh reads of bronze stands still while a stream writes."""

from pathlib import Path
from threading import Event

import ibis
import pyarrow as pa
import pytest

from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, QUARANTINE, SILVER, Lake
from crossfade.lake.still import StillLake
from crossfade.schema.errors import InputError
from crossfade.schema.settings import default_settings
from tests.lake.rows import bronze

ONE = pa.table({"number": [1]})
NO_ROWS = ibis.memtable(ONE)  # what an engine would keep


def test_bronze_stays_as_it_was_and_other_layers_do_not(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(BRONZE, "events", ONE)
    still = StillLake(lake.path)
    lake.append(BRONZE, "events", ONE)
    lake.append(BRONZE, "tracks", ONE)
    lake.append(QUARANTINE, "events", ONE)
    lake.append(SILVER, "events", ONE)
    assert (still.version(BRONZE, "events"), still.num_rows(BRONZE, "events")) == (0, 1)
    assert len(still.files(BRONZE, "events")) == 1
    assert not still.has(BRONZE, "tracks")
    assert not still.has(QUARANTINE, "events")
    assert still.num_rows(SILVER, "events") == 1


def test_a_refresh_adds_up_though_events_arrive_meanwhile(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(BRONZE, "events", bronze([{"user_id": "u", "track_id": "t"}]))

    def arrive(made: str) -> None:
        other = {"user_id": "v", "track_id": "t", "event_id": f"before {made}", "source_file": made}
        lake.append(BRONZE, "events", bronze([other]))

    report = refresh(lake, default_settings(), arrive)
    assert next(table for table in report.tables if table.name == "events").rows_in == 1
    assert len(lake.read(SILVER, "events")) == 1
    later = refresh(lake, default_settings())
    assert "silver/events" in later.written
    assert len(lake.read(SILVER, "events")) == lake.num_rows(BRONZE, "events")


def test_who_reads_what_is_written_behind_waits_but_for_its_version(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(SILVER, "events", ONE)
    still, go_on = StillLake(lake.path), Event()

    def write(to: Lake) -> None:
        assert go_on.wait(10)
        to.append(SILVER, "events", ONE)

    with still.writing_behind():
        still.write_behind("silver/events", None, NO_ROWS, write)
        assert (still.version(SILVER, "events"), lake.version(SILVER, "events")) == (1, 0)
        go_on.set()
        assert still.num_rows(SILVER, "events") == 2
    assert lake.version(SILVER, "events") == 1


def test_writes_keep_their_order_whichever_thread_makes_them(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    for table in ("events", "tracks"):
        lake.append(SILVER, table, ONE)
    still, order = StillLake(lake.path), list[str]()

    def write(to: Lake) -> None:
        to.append(SILVER, "events", ONE)
        order.append("events")

    with still.writing_behind():
        still.write_behind("silver/events", None, NO_ROWS, write)
        still.overwrite(SILVER, "tracks", ONE)
        order.append("tracks")
    assert order == ["events", "tracks"]


def test_nothing_is_written_after_what_could_not_be(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    for table in ("events", "tracks", "artists"):
        lake.append(SILVER, table, ONE)
    still = StillLake(lake.path)

    def fail(_: Lake) -> None:
        raise InputError("the disk is full")

    def refreshed() -> None:
        with still.writing_behind():
            still.write_behind("silver/events", None, NO_ROWS, fail)
            still.write_behind("silver/tracks", None, NO_ROWS, lambda to: to.append(SILVER, "tracks", ONE))
            still.overwrite(SILVER, "artists", ONE)

    with pytest.raises(InputError, match="the disk is full"):
        refreshed()
    assert {lake.version(SILVER, table) for table in ("events", "tracks", "artists")} == {0}


def test_a_lake_is_written_behind_only_where_somebody_waits_for_it(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(SILVER, "events", ONE)
    with pytest.raises(RuntimeError, match="outside writing_behind"):
        StillLake(lake.path).write_behind("silver/events", None, NO_ROWS, lambda _: None)
