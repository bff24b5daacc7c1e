"""A refresh that dies between two of its commits is finished by the same command, also where more has arrived meanwhile."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from crossfade.cli.main import main
from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, Lake
from tests.lake.growing import DAY, EAGER, arrivals, assert_same, rebuilt

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
    """What stands for the end of a process, where starting one each time would take too long."""


def arrive(lake: Lake, rng: random.Random, number: int) -> None:
    for name, rows in arrivals(rng, (20.0 + number / 4) * DAY, number):
        lake.append(BRONZE, name, rows)


def deaths(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Refresh until that ends, dying after each commit; yield the tables whose commits were the last."""
    commit = Lake._write

    def dying(self: Lake, layer: str, name: str, *arguments: Any, **keywords: Any) -> None:
        commit(self, layer, name, *arguments, **keywords)
        raise DiedError(f"{layer}/{name}")

    while True:
        with monkeypatch.context() as patch:
            patch.setattr(Lake, "_write", dying)
            try:
                refresh(lake, EAGER)
                return
            except DiedError as death:
                last = str(death)
        yield last


def test_the_same_command_finishes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, rng = Lake.create(tmp_path / "lake"), random.Random(5)
    (tmp_path / "settings.yaml").write_text(EAGER.dumps(), "utf-8")
    command = ["lake", "refresh", "--lake", str(lake.path), "--settings", str(tmp_path / "settings.yaml")]
    arrive(lake, rng, 0)
    refresh(lake, EAGER)
    arrive(lake, rng, 1)
    before = lake.versions()
    killed = subprocess.run([sys.executable, "-c", DYING, "silver/events", *command], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert lake.versions()["silver/events"] == before["silver/events"] + 1
    assert lake.versions()["gold/interactions"] == before["gold/interactions"]

    last: list[str] = []
    for table in deaths(lake, monkeypatch):
        if table == "gold/interactions" and table not in last:
            arrive(lake, rng, 2)
        last.append(table)
    assert set(last) >= {
        "silver/bot_hours",
        "silver/bots",
        "silver/events",
        "gold/user_days",
        "gold/catalogue",
    }
    assert main(command) == 0
    assert_same(lake, rebuilt(lake, tmp_path / "whole", EAGER))
