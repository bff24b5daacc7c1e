"""A refresh that dies between two of its commits is finished by the same command, also where more has arrived meanwhile."""

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from crossfade.cli.main import main
from crossfade.lake.build import STEPS, refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema.settings import parse_settings
from tests.lake.growing import DAY, EAGER, arrivals, assert_same, rebuilt

TABLES: Final = [step.target for step in STEPS]
# Dies as soon as a table's commit stands, with the writer's lock held and its scratch full.
DYING: Final = """
import os, signal, sys
from crossfade.cli.main import main
from crossfade.lake.lake import Lake

commit = Lake._write

def dying(lake, layer, name, *arguments, **keywords):
    commit(lake, layer, name, *arguments, **keywords)
    if f"{layer}/{name}" == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

Lake._write = dying
main(sys.argv[2:])
"""


class DiedError(Exception):
    """What stands for the end of a process."""


def arrive(lake: Lake, rng: random.Random, number: int) -> None:
    for name, rows in arrivals(rng, (20.0 + number / 4) * DAY, number):
        lake.append(BRONZE, name, rows)


def test_every_commit_may_be_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, rng, commit = Lake.create(tmp_path / "lake"), random.Random(5), Lake._write
    arrive(lake, rng, 0)
    refresh(lake, EAGER)
    arrive(lake, rng, 1)

    def dying(self: Lake, layer: str, name: str, *arguments: Any, **keywords: Any) -> None:
        commit(self, layer, name, *arguments, **keywords)
        if f"{layer}/{name}" in TABLES:
            raise DiedError

    deaths = 0
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "_write", dying)
        while True:
            try:
                refresh(lake, EAGER)
                break
            except DiedError:
                deaths += 1
            if deaths in (1, 3):  # after the first commit, and after that of silver/events
                arrive(lake, rng, deaths + 1)
    assert deaths >= 10
    assert refresh(lake, EAGER).written == ()
    assert_same(lake, rebuilt(lake, tmp_path / "whole", EAGER))


def test_a_killed_process(tmp_path: Path) -> None:
    lake, rng = Lake.create(tmp_path / "lake"), random.Random(6)
    ways = ["lake.rebuild_rows=0", "lake.reopen_share=1"]
    settings = parse_settings("", ways)
    arrive(lake, rng, 0)
    refresh(lake, settings)
    arrive(lake, rng, 1)
    command = ["lake", "refresh", "--lake", str(lake.path), "--set", ways[0], "--set", ways[1]]
    before = lake.versions()
    killed = subprocess.run([sys.executable, "-c", DYING, "silver/events", *command], check=False)
    assert killed.returncode == -signal.SIGKILL
    after = lake.versions()
    assert after["silver/events"] == before["silver/events"] + 1
    assert after["gold/interactions"] == before["gold/interactions"]
    assert main(command) == 0
    assert_same(lake, rebuilt(lake, tmp_path / "whole", settings))
