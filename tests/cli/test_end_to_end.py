"""The two pipelines whole, through the command line, KFP's local runner and a process for every step."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.lake.lake import Lake
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.workspace import Workspace
from crossfade.schema.tables import Surface
from crossfade.store.embedded import EmbeddedStore
from tests.cli import small

USERS = 150


def steps(workspace: Workspace, number: int) -> dict[str, str]:
    """Return step -> status of one run."""
    runs = sorted(workspace.runs.glob("*/timings.json"), key=lambda path: path.stat().st_mtime)
    return {timing["step"]: timing["status"] for timing in json.loads(runs[number].read_text())}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_a_lake_to_playlists_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.fill(Lake.create(tmp_path / "lake"), USERS, 400, 40, tmp_path / "twin")
    workspace = Workspace(tmp_path / "workspace")
    places = ["--lake", str(tmp_path / "lake"), "--workspace", str(workspace.path)]
    settings = [word for each in small.SET for word in ("--set", each)]

    assert main(["run", "training", *places, *settings]) == 0, capsys.readouterr().err
    champion = workspace.champion_digest()
    assert champion is not None
    (challenger,) = read_manifest(workspace.bundle(champion))["parents"]
    assert workspace.promotions.lines()[-1].action == "promote"
    done = steps(workspace, 0)
    assert set(done.values()) == {"finished"}
    assert list(done)[-2:] == ["promote", "report"]
    (page,) = workspace.reports.iterdir()
    assert f"{page.stem}" in page.read_text()
    assert "promoted" in capsys.readouterr().err

    assert main(["run", "weekly", *places, *settings]) == 0, capsys.readouterr().err
    reader = EmbeddedStore(workspace.store).reader(Surface.DISCOVER_WEEKLY)
    assert (len(reader), reader.generation.bundle) == (USERS, champion)
    assert {"generate-shard-0", "generate-shard-1", "publish"} <= steps(workspace, 1).keys()

    assert main(["run", "training", *places, *settings]) == 0, capsys.readouterr().err
    again = steps(workspace, 2)
    assert {again[step] for step in ("make-dataset", "train-ranker", "evaluate-challenger")} == {"reused"}
    assert list(again)[-2:] == ["refuse", "report-2"]
    assert workspace.champion_digest() == champion
    assert workspace.promotions.lines()[-1].digest == challenger
