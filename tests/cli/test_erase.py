"""`crossfade erase`, `export` and `lake rotate-key`, through the command line."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.cli.run_lock import held_lock
from crossfade.recommender.workspace import Workspace
from crossfade.schema.user_keys import key_file, lake_keys


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """Two listeners in bronze."""
    rows = [
        "user_id,track_id,timestamp",
        *(f"{user},t1,2026-01-01T00:00:00Z" for user in ("alice", "bob-4711")),
    ]
    (tmp_path / "events.csv").write_text("\n".join(rows), "utf-8")
    path = str(tmp_path / "lake")
    assert main(["import", "events", str(tmp_path / "events.csv"), "--lake", path]) == 0
    return path


def test_a_person_gets_what_is_known_and_then_is_erased(
    lake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["export", "bob-4711", "--lake", lake]) == 0
    known = json.loads(capsys.readouterr().out)
    assert [event["track_id"] for event in known["tables"]["bronze/events"]] == ["t1"]
    assert main(["erase", "bob-4711", "--lake", lake]) == 0
    told = capsys.readouterr()
    assert "bronze/events: 1 rows" in told.err
    receipt = told.out.split("receipt: ")[1].strip()
    assert receipt.startswith(f"{lake}.erasures/")
    assert main(["erase", "--verify", receipt, "--lake", lake]) == 0
    assert "bronze/events: 1 rows" in capsys.readouterr().out
    for command in ("erase", "export"):
        assert main([command, "bob-4711", "--lake", lake]) == 2
        assert "Nothing is known of user 'bob-4711'" in capsys.readouterr().err
    assert main(["export", "alice", "--lake", lake]) == 0


def test_a_run_on_the_workspace_keeps_erasures_out(
    lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    with held_lock(workspace.runs / "lock", "training-1"):
        assert main(["erase", "alice", "--lake", lake, "--workspace", str(workspace.path)]) == 2
    assert "the workspace is in use by run training-1" in capsys.readouterr().err


def test_a_receipt_needs_the_key(lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "--verify", str(tmp_path / "r.json"), "--lake", lake]) == 2
    assert (
        f"key that signs receipts of this lake is not here: {key_file(Path(lake))}" in capsys.readouterr().err
    )
    assert main(["erase", "--lake", lake]) == 2
    assert "Name either a USER or --verify RECEIPT." in capsys.readouterr().err


def test_keys_are_rotated(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    for older in (0, 1):
        capsys.readouterr()
        assert main(["lake", "rotate-key", "--lake", lake]) == 0
        keys = lake_keys(Path(lake))
        assert keys is not None
        assert capsys.readouterr().out == (
            f"{keys.place}: users are named by key {keys.current.id}; {older} older kept\n"
        )
