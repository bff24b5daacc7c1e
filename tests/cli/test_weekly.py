"""`crossfade weekly status`; `weekly spark` is run where a Spark is, in tests/lake/test_engine_spark.py."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.recommender.workspace import Workspace
from tests.store.test_progress import START, begun, plan_of


def test_status_tells_how_far_the_newest_batch_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    arguments = ["weekly", "status", "--workspace", str(workspace.path), "--surface", "radio"]
    assert main(arguments) == 2
    assert "No batch of radio is planned" in capsys.readouterr().err
    plan_of(workspace.weekly / "radio" / "g1", 300, {50: 100, 100: 200})
    assert main(arguments) == 0
    assert capsys.readouterr().out == "g1: 300 of 300 users (100%), finished\n"
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["num_done"], told["users_per_second"], told["finish"]) == (300, 3, START + 100)


def test_status_names_slow_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    plan = plan_of(workspace.weekly / "radio" / "g1", 400, {10: 100, 20: 100, 70: 100, 75: 100}, num_more=12)
    begun(plan.parent, {0: 0, 1: 10, 2: 20, 3: 70})
    arguments = ["weekly", "status", "--workspace", str(workspace.path), "--surface", "radio"]
    assert main([*arguments, "--slow", "4"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "4 of 16 shards: median 10 s, slowest 00002 (50 s)",
        "more than 4 times the median: 00002 (50 s)",
    ]
    begun(plan.parent, dict.fromkeys(range(4, 16), 80.0))
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["durations"]["slowest"], told["num_shards_done"]) == ({"index": 2, "seconds": 50}, 4)
    assert main(arguments) == 0
    unfinished = capsys.readouterr().out.splitlines()[-1]
    assert unfinished.startswith("begun and not finished: 00004 (")
    assert unfinished.endswith(") and 2 more")
