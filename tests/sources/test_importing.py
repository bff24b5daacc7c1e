"""Counts add up, imports repeat without effect, a bad file leaves nothing, a killed import ends where it would have."""

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, QUARANTINE, SILVER, Lake
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.sources.importing import ImportReport, import_files

SETTINGS: Final = default_settings()
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
PLAY: Final = {"user_id": "u", "track_id": "t", "timestamp": "2020-01-01T00:00:00Z"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


def sheet(path: Path, *rows: dict[str, Any]) -> Path:
    """Write rows as CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def imported(lake: Lake, *paths: Path, source: str = "events", now: datetime = NOW) -> ImportReport:
    report = import_files(lake, source, paths, settings=SETTINGS, now=now)
    for part in (report, *report.tables):
        assert part.rows_in == part.rows_bronze + part.rows_quarantined + part.rows_duplicate
    return report


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.rows_in, report.rows_bronze, report.rows_quarantined, report.rows_duplicate


def ids(lake: Lake) -> list[str]:
    return sorted(lake.read(BRONZE, "events").column(c.EVENT_ID).to_pylist())


def test_good_rows_land_bad_ones_are_kept_with_reasons_and_repeats_are_counted(
    lake: Lake, tmp_path: Path
) -> None:
    path = sheet(
        tmp_path / "e.csv",
        PLAY,
        PLAY,
        PLAY | {"track_id": "s"},
        PLAY | {"timestamp": "soon"},
        PLAY | {"user_id": ""},
    )
    report = imported(lake, path)
    assert counts(report) == (5, 2, 2, 1)
    assert report.quarantined_share == 0.4
    assert [str(table) for table in report.tables] == [
        "events: 5 rows in = 2 bronze + 2 quarantined + 1 duplicates"
    ]
    assert [str(problem) for problem in report.first_problems] == [
        f"{path}, row 4: timestamp cannot be read as a timestamp, ISO 8601 text or a number since 1970: "
        "timestamp = soon (1 such rows)",
        f"{path}, row 5: user_id is missing: user_id = None (1 such rows)",
    ]
    landed = lake.read(BRONZE, "events").to_pylist()
    assert {(row[c.SOURCE], row[c.SOURCE_FILE], row[c.IMPORTED_AT]) for row in landed} == {
        ("events", str(path), NOW)
    }
    assert sorted(row[c.SOURCE_ROW] for row in landed) == [1, 3]
    refused = lake.read(QUARANTINE, "events").sort_by(c.SOURCE_ROW).to_pylist()
    assert [(row[c.SOURCE_ROW], row[c.REASON]) for row in refused][1] == (5, "user_id is missing")
    assert json.loads(refused[0][c.RAW]) == PLAY | {"timestamp": "soon"}


def test_importing_a_file_again_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    path = sheet(tmp_path / "e.csv", PLAY, PLAY | {"track_id": "s"}, PLAY | {"played_ms": -5})
    imported(lake, path)
    versions = lake.versions()
    assert counts(imported(lake, path)) == (3, 0, 1, 2)
    assert lake.versions() == versions


def test_an_event_id_is_the_source_s_own_or_the_digest_of_what_happened(lake: Lake, tmp_path: Path) -> None:
    imported(lake, sheet(tmp_path / "a.csv", PLAY | {"event_id": "own"}, PLAY, PLAY | {"session_id": "s"}))
    imported(lake, sheet(tmp_path / "b.csv", PLAY | {"event_id": "own", "track_id": "other"}))
    # md5 of user, track, type, microseconds, session, played_ms and slate between unit separators.
    texts = [["u", "t", "listen", "1577836800000000", session, "", ""] for session in ("", "s")]
    digests = [md5("\x1f".join(text).encode(), usedforsecurity=False).hexdigest() for text in texts]
    assert ids(lake) == sorted([*digests, "own"])


def test_one_moment_in_another_zone_format_or_column_order_is_one_event(lake: Lake, tmp_path: Path) -> None:
    imported(lake, sheet(tmp_path / "a.csv", PLAY))
    moved = {"timestamp": "2020-01-01 02:00:00+02:00", "track_id": "t", "user_id": "u"}
    (tmp_path / "b.jsonl").write_text(json.dumps(moved | {"timestamp": 1_577_836_800_000}), "utf-8")
    pq.write_table(pa.table({name: [value] for name, value in moved.items()}), tmp_path / "c.parquet")
    assert counts(imported(lake, tmp_path / "b.jsonl", tmp_path / "c.parquet")) == (2, 0, 0, 2)


def test_without_timestamps_plays_are_counted_within_the_import(lake: Lake, tmp_path: Path) -> None:
    play = {"user_id": "u", "track_id": "t"}
    path = sheet(tmp_path / "e.csv", play, play, play | {"track_id": "s"})
    assert counts(imported(lake, path)) == (3, 3, 0, 0)
    assert counts(imported(lake, path)) == (3, 0, 0, 3)
    assert counts(imported(lake, sheet(tmp_path / "more.csv", play, play, play))) == (3, 1, 0, 2)


def test_the_last_row_of_a_key_wins_within_an_import_and_across_imports(lake: Lake, tmp_path: Path) -> None:
    def titled(name: str, *titles: str) -> Path:
        return sheet(tmp_path / name, *({"track_id": "1", "title": title} for title in titles))

    first, second = titled("a.csv", "A", "B"), titled("b.csv", "C")
    assert counts(imported(lake, first, source="catalogue")) == (2, 1, 0, 1)
    assert counts(imported(lake, first, source="catalogue")) == (2, 0, 0, 2)
    # Even where the clock stands still or goes back, what is imported later wins.
    assert counts(imported(lake, second, source="catalogue")) == (1, 1, 0, 0)
    assert counts(imported(lake, first, source="catalogue", now=datetime(2025, 1, 1, tzinfo=UTC))) == (
        2,
        1,
        0,
        1,
    )
    refresh(lake, SETTINGS)
    assert lake.read(SILVER, "tracks").column(c.TITLE).to_pylist() == ["B"]


@pytest.mark.parametrize("source", ["catalogue", "artists", "playlists", "users"])
def test_every_canonical_table_is_imported(lake: Lake, tmp_path: Path, source: str) -> None:
    row = {
        "track_id": "1",
        "artist_id": "a",
        "playlist_id": "p",
        "user_id": "u",
        "track_ids": "1|2",
        "country": "SE",
    }
    assert imported(lake, sheet(tmp_path / "x.csv", row), source=source).rows_bronze == 1


def test_several_files_are_one_import(lake: Lake, tmp_path: Path) -> None:
    sheet(tmp_path / "1.csv", PLAY, PLAY | {"track_id": "a"})
    sheet(tmp_path / "2.csv", PLAY, PLAY | {"track_id": "b", "played_share": 2})
    told: list[tuple[str, int]] = []
    report = import_files(
        lake,
        "events",
        [tmp_path / "1.csv", tmp_path / "2.csv"],
        settings=SETTINGS,
        progress=lambda file, rows: told.append((file.name, rows)),
    )
    assert counts(report) == (4, 2, 1, 1)
    assert told == [("1.csv", 2), ("2.csv", 2)]
    assert lake.version(BRONZE, "events") == 0


def test_what_is_missing_or_left_out_is_said(lake: Lake, tmp_path: Path) -> None:
    report = imported(lake, sheet(tmp_path / "e.csv", {"user_id": "u", "track_id": "t", "timestmap": "2020"}))
    assert report.notes[0] == "Columns that nothing reads were left out: timestmap."
    assert (
        "events have no timestamp: no time split, no recency, no release dates: held-out listens are drawn at random."
        in report.notes
    )
    full = PLAY | {"played_share": 1, "session_id": "s"}
    assert imported(lake, sheet(tmp_path / "f.csv", full)).notes == ()
    (tmp_path / "l.csv").write_bytes(
        "user_id,track_id,timestamp,session_id,played_ms\nZo\xeb,t,2020,s,1\n".encode("latin-1")
    )
    assert imported(lake, tmp_path / "l.csv").notes == (
        "1 lines or values were not UTF-8 and were read as Windows-1252.",
    )


def test_a_public_format_fills_events_and_catalogue_at_once(lake: Lake, tmp_path: Path) -> None:
    lines = [f"u{n % 2}\t2009-01-0{n}T00:00:00Z\t\tArtist\t\tTitle {n % 3}" for n in range(1, 7)]
    path = tmp_path / "listens.tsv"
    path.write_text("\n".join([*lines, lines[0], "broken"]) + "\n", "utf-8")
    report = imported(lake, path, source="lastfm-1k")
    assert [str(table) for table in report.tables] == [
        "events: 8 rows in = 6 bronze + 1 quarantined + 1 duplicates",
        "tracks: 3 rows in = 3 bronze + 0 quarantined + 0 duplicates (made from the rows above)",
        "artists: 1 rows in = 1 bronze + 0 quarantined + 0 duplicates (made from the rows above)",
    ]
    again = imported(lake, path, source="lastfm-1k")
    assert counts(again) == (12, 0, 1, 11)


BAD_FILES: Final = [
    ("missing.csv", None, NotFoundError, "no file or directory"),
    ("empty.csv", b"", InputError, r"empty.csv is empty \(0 bytes\)"),
    ("header.csv", b"user_id,track_id\n", InputError, "no row to import in"),
    ("short.csv", b"user_id\nu\n", InputError, "column track_id is missing"),
    ("cut.parquet", b"PAR1 and then nothing", InputError, "cut.parquet cannot be read to its end"),
    ("odd.xlsx", b"x", InputError, "cannot be read by its ending"),
]


@pytest.mark.parametrize(("name", "content", "error", "message"), BAD_FILES)
def test_a_bad_file_is_named_and_nothing_of_its_call_is_imported(
    lake: Lake, tmp_path: Path, name: str, content: bytes | None, error: type[Exception], message: str
) -> None:
    good = sheet(tmp_path / "good.csv", PLAY)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name] if name == "header.csv" else [good, tmp_path / name]
    with pytest.raises(error, match=message):
        imported(lake, *paths)
    assert lake.versions() == {}
    assert not (lake.path / ".scratch").exists()
    assert imported(lake, good).rows_bronze == 1


def test_an_unknown_source_is_named_with_the_known_ones(lake: Lake) -> None:
    with pytest.raises(InputError, match=r"no source spotify; known are events, catalogue, .*lastfm-1k"):
        imported(lake, Path("x"), source="spotify")


def test_the_tolerance_for_clocks_is_a_setting(lake: Lake, tmp_path: Path) -> None:
    path = sheet(tmp_path / "e.csv", PLAY | {"timestamp": "2026-01-01T00:30:00Z"})
    strict = parse_settings("", ["lake.future_tolerance_minutes=10"])
    assert import_files(lake, "events", [path], settings=strict, now=NOW).rows_quarantined == 1
    assert imported(lake, path).rows_bronze == 1


# Runs an import in a process that kills itself, as kill -9 does, before or after it commits for the n-th time.
KILLED = """
import os, signal, sys
from pathlib import Path
from crossfade.lake.lake import Lake
from crossfade.schema.settings import default_settings
from crossfade.sources.importing import import_files
written, whole = [], Lake.append
def append(self, layer, name, rows, about=None):
    written.append(name)
    if len(written) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, layer, name, rows, about)
Lake.append = append
import_files(Lake.open(Path(sys.argv[1])), "lastfm-1k", [Path(sys.argv[2])], settings=default_settings())
"""


def state(lake: Lake) -> dict[str, list[str]]:
    return {
        table: sorted(
            json.dumps({key: row[key] for key in row if key != c.IMPORTED_AT}, default=str)
            for row in lake.read(*table.split("/", 1)).to_pylist()
        )
        for table in lake.versions()
    }


@pytest.mark.parametrize("commit", [1, 3])
def test_a_killed_import_run_again_ends_in_the_same_state(lake: Lake, tmp_path: Path, commit: int) -> None:
    path = tmp_path / "listens.tsv"
    path.write_text("u\t2009-01-01T00:00:00Z\t\tArtist\t\tTitle\nbroken\n", "utf-8")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(lake.path), str(path), str(commit)], check=False
    )
    assert killed.returncode == -9
    assert len(lake.versions()) == commit - 1
    imported(lake, path, source="lastfm-1k")
    whole = Lake.create(tmp_path / "whole")
    imported(whole, path, source="lastfm-1k")
    assert state(lake) == state(whole)
    assert set(state(lake)) == {"bronze/events", "bronze/tracks", "bronze/artists", "quarantine/events"}
