"""A refresh builds what has changed and only that, counts add up, and a killed one ends where it would have."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from crossfade.lake import silver
from crossfade.lake.build import STEPS, refresh
from crossfade.lake.lake import BRONZE, GOLD, QUARANTINE, SILVER, Lake
from crossfade.lake.layout import GOLD_SCHEMAS, QUARANTINE_SCHEMA, SILVER_SCHEMAS
from crossfade.lake.own_ids import own_ids
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.schema.tables import EVENTS, TRACKS
from crossfade.schema.user_keys import UserKey, write_keys
from tests.lake.rows import Row, arrow, bronze, minute

SETTINGS: Final = default_settings()
KEY: Final = UserKey(b"k" * 32)
PLAYS: Final[list[Row]] = [
    {c.USER_ID: "u", c.TRACK_ID: "1", c.TIMESTAMP: minute(0), c.PLAYED_MS: 60_000},
    {c.USER_ID: "u", c.TRACK_ID: "1", c.TIMESTAMP: minute(0), c.PLAYED_MS: 50_000},
    {c.USER_ID: "u", c.TRACK_ID: "2", c.TIMESTAMP: minute(5), c.PLAYED_MS: 1_000},
    {c.USER_ID: "v", c.TRACK_ID: "3", c.TIMESTAMP: minute(9), c.EVENT_TYPE: "save"},
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.create(tmp_path / "lake")
    write_keys(lake.path, (KEY,))
    lake.append(BRONZE, "events", bronze(PLAYS))
    named: list[Row] = [
        {c.TRACK_ID: "1", c.TITLE: "old"},
        {c.TRACK_ID: "1", c.TITLE: "new", c.IMPORTED_AT: minute(1)},
    ]
    lake.append(BRONZE, "tracks", bronze(named, TRACKS))
    refused = [{c.SOURCE: "events", c.SOURCE_FILE: "f", c.SOURCE_ROW: 9, c.REASON: "bad", c.RAW: "{}"}]
    lake.append(QUARANTINE, "events", arrow(refused, QUARANTINE_SCHEMA))
    return lake


def test_all_tables_are_built_with_their_schemas_and_counts_add_up(lake: Lake) -> None:
    report = refresh(lake, SETTINGS)
    assert report.written == tuple(step.target for step in STEPS)
    assert report.versions == lake.versions()
    for layer, schemas in ((SILVER, SILVER_SCHEMAS), (GOLD, GOLD_SCHEMAS)):
        for name, schema in schemas.items():
            assert lake.read(layer, name).schema.equals(schema), name
    assert [str(counts) for counts in report.tables[:2]] == [
        "events: 5 rows in = 3 silver + 1 quarantined + 1 duplicates",
        "tracks: 2 rows in = 1 silver + 0 quarantined + 1 duplicates; 2 more that only other tables name",
    ]
    for counts in report.tables:
        assert counts.rows_in == counts.rows_silver + counts.rows_quarantined + counts.rows_duplicate
    catalogue = lake.read(GOLD, "catalogue")
    assert catalogue.column(c.TRACK_ID).to_pylist() == ["1", "2", "3"]
    assert catalogue.column(c.TITLE).to_pylist() == ["new", None, None]
    assert sorted(lake.read(GOLD, "interactions").column(c.STRENGTH).to_pylist()) == [-1.0, 1.0, 5.0]
    profiles = lake.read(GOLD, "user_profiles").column(c.USER_ID).to_pylist()
    assert sorted(own_ids(lake, profiles).values()) == ["u", "v"]


@pytest.mark.parametrize("kept", [0, 2])
def test_rows_that_a_transformation_loses_are_told(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    whole = silver.events
    monkeypatch.setattr(silver, "events", lambda *inputs: whole(*inputs).limit(kept))
    with pytest.raises(
        IntegrityError, match=f"events do not add up: bronze has 4, but silver has {kept} .* 1 are duplicates"
    ):
        refresh(lake, SETTINGS)


def test_nothing_new_writes_nothing(lake: Lake) -> None:
    told: list[str] = []
    refresh(lake, SETTINGS, told.append)
    assert told == [step.target for step in STEPS]
    versions = lake.versions()
    again = refresh(lake, parse_settings("", ["seed=7", "two_tower.dim=8"]))
    assert again.written == ()
    assert again.versions == versions


def test_new_events_rebuild_what_is_made_from_them(lake: Lake) -> None:
    refresh(lake, SETTINGS)
    lake.append(
        BRONZE,
        "events",
        bronze([{**PLAYS[0], c.EVENT_ID: "new", c.TIMESTAMP: minute(99), c.SOURCE_FILE: "g"}]),
    )
    report = refresh(lake, SETTINGS)
    assert report.tables[0].rows_silver == 4
    assert set(report.written) == {step.target for step in STEPS} - {
        "silver/artists",
        "silver/playlists",
        "silver/users",
    }


def test_other_settings_of_the_lake_rebuild_it(lake: Lake) -> None:
    refresh(lake, SETTINGS)
    report = refresh(lake, parse_settings("", ["lake.save_strength=3"]))
    assert "gold/interactions" in report.written
    assert max(lake.read(GOLD, "interactions").column(c.STRENGTH).to_pylist()) == 3.0


def test_other_code_rebuilds_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh(lake, SETTINGS)
    monkeypatch.setattr("crossfade.lake.build._recipe", lambda: "of a later release")
    assert len(refresh(lake, SETTINGS).written) == len(STEPS)


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        NotFoundError, match=r"lake at .* is empty; import first: crossfade import events FILE"
    ):
        refresh(Lake.create(tmp_path / "lake"), SETTINGS)


def test_a_catalogue_without_events_is_built_too(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(BRONZE, "tracks", bronze([{c.TRACK_ID: "1"}], TRACKS))
    assert refresh(lake, SETTINGS).tables[0].rows_in == 0
    assert lake.num_rows(GOLD, "catalogue") == 1
    assert lake.read(GOLD, "interactions").num_rows == 0


# Runs a refresh in a process that kills itself, as kill -9 does, when it is about to write for the n-th time.
KILLED = """
import os, signal, sys
from pathlib import Path
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.settings import default_settings
written, whole = [], Lake.overwrite
def overwrite(self, layer, name, rows, about=None):
    written.append(name)
    if len(written) == int(sys.argv[2]):
        next(iter(rows), None)
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, layer, name, rows, about)
Lake.overwrite = overwrite
refresh(Lake.open(Path(sys.argv[1])), default_settings())
"""


def state(lake: Lake) -> dict[str, list[str]]:
    """Return the rows of every table, in an order of their own."""
    return {
        table: sorted(
            json.dumps(row, default=str, sort_keys=True)
            for row in lake.read(*table.split("/", 1)).to_pylist()
        )
        for table in lake.versions()
    }


@pytest.mark.parametrize("write", [1, 6])
def test_a_killed_refresh_run_again_ends_in_the_same_state(lake: Lake, tmp_path: Path, write: int) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(lake.path), str(write)], check=False)
    assert killed.returncode == -9
    report = refresh(lake, SETTINGS)
    assert len(report.written) == len(STEPS) - write + 1
    whole = Lake.create(tmp_path / "whole")
    write_keys(whole.path, (KEY,))
    whole.append(BRONZE, "events", lake.read(BRONZE, "events"))
    whole.append(BRONZE, "tracks", lake.read(BRONZE, "tracks"))
    whole.append(QUARANTINE, "events", lake.read(QUARANTINE, "events"))
    refresh(whole, SETTINGS)
    assert state(lake) == state(whole)
    assert not (lake.path / ".scratch").exists()


def test_the_events_schema_is_the_canonical_one_with_session_and_bot() -> None:
    more = [c.SESSION_POSITION, c.IS_BOT, c.ARRIVED_AT]
    assert SILVER_SCHEMAS["events"].names == [*EVENTS.schema.names, *more]
