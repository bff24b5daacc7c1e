import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.schema import durable
from crossfade.schema.durable import (
    locked,
    locked_or_refused,
    remove_directory,
    replace_directory,
    replace_file,
)
from crossfade.schema.errors import InputError


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    replace_file(path, b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_processes_of_the_same_number_on_two_machines_write_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "file", os.fsync
    others = iter([b"theirs"])

    def meanwhile(descriptor: int) -> None:
        synced(descriptor)
        for content in others:
            replace_file(path, content)

    monkeypatch.setattr(durable.os, "fsync", meanwhile)
    replace_file(path, b"ours")
    assert path.read_bytes() == b"ours"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_directory_is_removed_also_over_the_rest_of_a_killed_removal(tmp_path: Path) -> None:
    for name in ("old", ".removed-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x", "utf-8")
    remove_directory(tmp_path / "old")
    remove_directory(tmp_path / "old")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_replaced_also_over_the_rest_of_a_killed_replacement(tmp_path: Path) -> None:
    for name in ("new", "there", ".removed-there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name, "utf-8")
    replace_directory(tmp_path / "new", tmp_path / "there")
    assert (tmp_path / "there" / "file").read_text("utf-8") == "new"
    replace_directory(tmp_path / "there", tmp_path / "elsewhere")
    assert [entry.name for entry in tmp_path.iterdir()] == ["elsewhere"]


HOLD = """
import sys, time
from pathlib import Path
from crossfade.schema.durable import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_shared_locks_only_refuse_others(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        locked_or_refused(path, "erasing", shared=True),
        locked_or_refused(path, "erasing", shared=True),
        pytest.raises(InputError, match="Another process is streaming"),
        locked_or_refused(path, "streaming"),
    ):
        pass
    with (
        locked_or_refused(path, "streaming"),
        pytest.raises(InputError, match="Another process is erasing"),
        locked_or_refused(path, "erasing", shared=True),
    ):
        pass


def test_a_lock_is_refused_while_held_and_freed_by_death(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(
            InputError, match=r"Another process is baking \(it holds .*\.lock\); wait for it to end"
        ),
        locked_or_refused(path, "baking"),
    ):
        pass
    holder.kill()
    holder.communicate()
    with locked_or_refused(path, "baking"):
        pass
    with locked(path):
        pass
