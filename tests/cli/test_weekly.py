"""`crossfade weekly status`; `weekly spark` is run where a Spark is, in tests/lake/test_engine_spark.py."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.recommender.workspace import Workspace
from tests.store.test_progress import START, plan_of


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
