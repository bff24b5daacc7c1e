"""What a refresh reads of bronze stands still while a stream writes."""

from pathlib import Path

import pyarrow as pa

from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, QUARANTINE, SILVER, Lake
from crossfade.lake.still import StillLake
from crossfade.schema.settings import default_settings
from tests.lake.rows import bronze

ONE = pa.table({"number": [1]})


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
