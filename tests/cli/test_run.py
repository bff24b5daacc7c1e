"""`crossfade run`: a user's mistake is one line; a failed step is named with its log."""

from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.cli.run import results
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace


def run(tmp_path: Path, *more: str) -> int:
    places = ["--lake", str(tmp_path / "lake"), "--workspace", str(tmp_path / "workspace")]
    return main(["run", "training", *places, *more])


def test_a_missing_lake_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'lake'}") or str(tmp_path / "lake") in error
    assert error.count("\n") == 1
    assert not (tmp_path / "workspace").exists()


def test_wrong_settings_are_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--set", "split.test_dais=7") == 2
    assert "unknown key split.test_dais" in capsys.readouterr().err
    assert run(tmp_path, "--settings", str(tmp_path / "gone.yaml")) == 2
    assert "gone.yaml does not exist" in capsys.readouterr().err


def test_an_unknown_pipeline_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "dally", "--lake", str(tmp_path), "--workspace", str(tmp_path)]) == 2
    assert "'dally' is not one of 'training', 'weekly'" in capsys.readouterr().err


def test_a_step_that_refuses_its_input_ends_the_run_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Lake.create(tmp_path / "lake")
    assert run(tmp_path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "refresh-lake  started"
    assert lines[1].startswith("refresh-lake  failed in ")
    assert lines[2].startswith(
        f"error: step refresh-lake: The lake at {tmp_path / 'lake'} is empty; import first"
    )
    (log,) = (tmp_path / "workspace" / "runs").glob("*/refresh-lake.log")
    assert lines[2].endswith(f"(log: {log})")
    assert len(lines) == 3
    assert "Traceback" in log.read_text()


def test_what_a_run_decided_is_told(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path)
    (workspace.bundles / "b1").mkdir()
    workspace.promote("b1", reason="It is better.", run_id="run-1", evaluation={})
    workspace.refuse("b1", reason="It is worse.", run_id="run-2", evaluation={})
    (workspace.reports / "run-2.html").touch()
    assert results(workspace, "run-1") == ["promoted: bundle b1. It is better."]
    assert results(workspace, "run-2") == [
        "not promoted: bundle b1. It is worse.",
        f"report: {workspace.reports / 'run-2.html'}",
    ]
    assert results(workspace, "weekly-3") == []
