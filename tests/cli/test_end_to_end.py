"""The whole loop through the command line, KFP's local runner and a process for every step."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.workspace import Workspace
from crossfade.schema.tables import Surface
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.own_slates import own_slate
from tests.cli import small

USERS = 150
SIZES = ["--users", str(USERS), "--tracks", "400", "--days", "40"]
SET = [word for assignment in small.SET for word in ("--set", assignment)]


def steps(workspace: Workspace, number: int) -> dict[str, str]:
    """Return step -> status of one run, in the order in which the runs were."""
    runs = sorted(workspace.runs.glob("*/timings.json"), key=lambda path: path.stat().st_mtime_ns)
    return {timing["step"]: timing["status"] for timing in json.loads(runs[number].read_text())}


def replay_what_was_answered(demo: Path, places: list[str], listener: str) -> None:
    """Nothing differs between what was answered, by counts of the bundle and of the online store, and the lake."""
    log = str(demo / "features.jsonl")
    ask = ["recommend", *places[2:], listener, "nobody", "--feature-log", log]
    assert main(["features", "materialise", *places]) == 0
    assert main([*ask, "--surface", "radio"]) == 0
    assert main([*ask, "--surface", "home", "--latest-features"]) == 0
    assert len(Path(log).read_text().splitlines()) == 4
    assert main(["features", "replay", log, *places]) == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_nothing_to_playlists_and_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = tmp_path / "demo"
    workspace = Workspace(demo / "workspace")
    assert main(["demo", "--directory", str(demo), *SIZES, *SET]) == 0, capsys.readouterr().err
    champion = workspace.champion_digest()
    assert champion is not None
    (challenger,) = read_manifest(workspace.bundle(champion))["parents"]
    assert [(line.action, line.digest) for line in workspace.promotions.lines()] == [("promote", champion)]
    training, weekly = steps(workspace, 0), steps(workspace, 1)
    assert set(training.values()) == {"finished"}
    assert {step for step, status in weekly.items() if status == "reused"} == {"make-dataset"}
    assert list(training)[-2:] == ["promote", "report"]
    assert {"generate-shard-0", "generate-shard-1"} <= weekly.keys()
    reader = EmbeddedStore(workspace.store).reader(Surface.DISCOVER_WEEKLY)
    assert (len(reader), reader.generation.bundle) == (USERS, champion)

    shown = capsys.readouterr()
    assert f"promoted: bundle {champion}." in shown.err
    (report,) = workspace.reports.iterdir()
    assert f"Report: {report}" in shown.out
    listener, track = shown.out.split("crossfade why ")[1].split()[:2]
    slate = own_slate(reader, listener, workspace.path)
    assert slate is not None
    assert track == slate.track_ids[0]
    assert f"discover_weekly of {listener}" in shown.out

    places = ["--lake", str(demo / "lake"), "--workspace", str(workspace.path)]
    replay_what_was_answered(demo, places, listener)
    capsys.readouterr()
    assert main(["run", "training", *places, *SET]) == 0, capsys.readouterr().err
    again = steps(workspace, 2)
    assert {again[step] for step in ("make-dataset", "train-ranker", "evaluate-challenger")} == {"reused"}
    assert list(again)[-2:] == ["refuse", "report-2"]
    assert workspace.champion_digest() == champion
    assert workspace.promotions.lines()[-1].digest == challenger
    assert f"not promoted: bundle {challenger}." in capsys.readouterr().err
