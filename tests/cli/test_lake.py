"""`crossfade lake` refreshes, lists versions and shows why rows were refused."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.lake.lake import Lake
from crossfade.recommender.manifest import MANIFEST
from crossfade.recommender.workspace import Workspace


@pytest.fixture
def lake(tmp_path: Path) -> str:
    rows = "user_id,track_id,played_ms\nu,t,1\nu,s,x\nu,s,-1\nv,s,-2\n"
    (tmp_path / "events.csv").write_text(rows, "utf-8")
    path = str(tmp_path / "lake")
    main(["import", "events", str(tmp_path / "events.csv"), "--lake", path])
    return path


def test_a_refresh_prints_counts_and_a_second_one_has_nothing_to_do(
    lake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["lake", "refresh", "--lake", lake]) == 0
    output = capsys.readouterr()
    assert "events: 4 rows in = 1 silver + 3 quarantined + 0 duplicates" in output.out
    assert "written: silver/bot_hours, silver/bot_days, silver/bots, silver/events, " in output.out
    assert "building gold/catalogue" in output.err
    assert main(["lake", "refresh", "--lake", lake]) == 0
    assert "nothing to do: all tables are up to date" in capsys.readouterr().out


def test_history_lists_every_version(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["lake", "history", "--lake", lake]) == 0
    assert "bronze/events  version 0  20" in capsys.readouterr().out
    assert main(["lake", "history", "--lake", lake, "--json"]) == 0
    versions = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["table"], each["version"], each["operation"], each["rows_added"]) for each in versions] == [
        ("bronze/events", 0, "append", 1),
        ("quarantine/events", 0, "append", 3),
    ]


def test_a_compaction_says_what_it_did_and_history_who_pins_a_version(
    lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    about = {"lake": Lake.open(Path(lake)).id, "lake_versions": {"bronze/events": 0}}
    (workspace.bundles / "digest").mkdir()
    (workspace.bundles / "digest" / MANIFEST).write_text(json.dumps(about), "utf-8")
    place = ["--lake", lake, "--workspace", str(workspace.path)]
    capsys.readouterr()
    assert main(["lake", "compact", *place]) == 0
    assert "bronze/events: 1 files are now 1; 0 removed from disk" in capsys.readouterr().out
    assert main(["lake", "history", *place]) == 0
    assert "append  1 rows  pinned by bundle digest" in capsys.readouterr().out


def test_quarantine_lists_reasons_with_their_first_rows(
    lake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["lake", "quarantine", "--lake", lake, "--rows", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "events: played_ms is negative (2 rows)"
    assert lines[1].endswith('events.csv, row 3: {"user_id": "u", "track_id": "s", "played_ms": "-1"}')
    assert lines[2] == "events: played_ms cannot be read as whole numbers (1 rows)"
    assert main(["lake", "quarantine", "--lake", lake, "--json"]) == 0
    assert [json.loads(line)["num_rows"] for line in capsys.readouterr().out.splitlines()] == [2, 1]


def test_a_clean_lake_says_so_and_a_missing_one_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.csv").write_text("user_id,track_id\nu,t\n", "utf-8")
    main(["import", "events", str(tmp_path / "events.csv"), "--lake", str(tmp_path / "lake")])
    capsys.readouterr()
    assert main(["lake", "quarantine", "--lake", str(tmp_path / "lake")]) == 0
    assert capsys.readouterr().out == "No row was refused.\n"
    for command in ("refresh", "compact", "history", "quarantine"):
        assert main(["lake", command, "--lake", str(tmp_path / "none")]) == 2
        assert "error: There is no lake at" in capsys.readouterr().err
