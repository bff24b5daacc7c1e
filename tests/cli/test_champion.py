import json
import shutil
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.experiments.pinning import pinned
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import default_settings

FIRST, SECOND = 1, 2
OVERLAYS = Path(__file__).parents[2] / "manifests" / "overlays"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("COLUMNS", "200")
    return Workspace.create(tmp_path / "workspace")


def promoted(workspace: Workspace, until: int) -> str:
    digest = write_bundle(
        workspace.bundles, lambda folder: (folder / "file").write_text("x"), {"window": {"end": until}}
    ).name
    workspace.promote(
        digest, reason=f"Better until {until}.", run_id=f"run-{until}", evaluation={"recall": [0.5]}
    )
    return digest


def test_history_marks_what_made_the_champion(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(workspace.path)]
    assert main(["champion", "history", *place]) == 0
    assert capsys.readouterr().out == "Nothing was judged yet; run: crossfade run training\n"
    first, second = promoted(workspace, FIRST), promoted(workspace, SECOND)
    workspace.refuse(second, reason="No better.", run_id="run-3", evaluation={})
    assert main(["champion", "history", *place]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == [" ", "*", " "]
    assert [line[2:].split()[1:3] for line in lines] == [
        ["promote", first],
        ["promote", second],
        ["refuse", second],
    ]
    assert lines[0].endswith("Better until 1.")
    assert main(["champion", "history", *place, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["champion"] for line in told] == [False, True, False]
    assert told[0]["evaluation"] == {"recall": [0.5]}


def test_rollback_restores_the_champion_before_and_its_alias(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = promoted(workspace, FIRST), promoted(workspace, SECOND)
    place = ["--workspace", str(workspace.path)]
    assert main(["champion", "rollback", *place, "--reason", "Too many skips."]) == 0
    assert capsys.readouterr().out == f"champion: {second} -> {first}\n"
    assert workspace.champion_digest() == first
    assert Registry(default_settings().tracking, workspace).pointed("champion") == first
    assert workspace.promotions.lines()[-1].reason == "Too many skips."
    assert main(["champion", "history", *place]) == 0
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == [" ", " ", "*"]
    assert main(["champion", "rollback", *place]) == 2
    assert "There is no earlier champion to roll back to" in capsys.readouterr().err
    assert workspace.champion_digest() == first


def test_the_champion_is_pinned_in_an_overlay(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = promoted(workspace, FIRST)
    overlay = tmp_path / "production"
    shutil.copytree(OVERLAYS / "production", overlay)
    words = ["champion", "pin", str(overlay), "--workspace", str(workspace.path)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{overlay}: 0000000000000000 -> {digest}\n"
    assert pinned(overlay) == digest
    (workspace.bundles / digest / "file").write_text("y")
    assert main(words) == 1
    assert "was changed; take the bundle from its origin again" in capsys.readouterr().err


def test_a_place_that_is_no_workspace_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("history", "rollback"):
        assert main(["champion", command, "--workspace", str(tmp_path)]) == 2
        assert "is not a workspace" in capsys.readouterr().err
