"""The Git revision: from a checkout, from the image, or not known."""

import subprocess
from pathlib import Path

import pytest

from crossfade.schema.revision import revision


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", root, *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_checkout_tells_commit_and_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSFADE_REVISION", raising=False)
    assert revision(tmp_path) == "", "no checkout"
    git(tmp_path, "init", "--quiet")
    assert revision(tmp_path) == "", "no commit"
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert revision(tmp_path) == commit
    (tmp_path / "new.py").touch()
    assert revision(tmp_path) == f"{commit} with changes that are not committed"
    monkeypatch.setenv("PATH", "")
    assert revision(tmp_path) == "", "no Git"


def test_an_image_tells_what_it_was_built_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSFADE_REVISION", "1f2e3d4c\n")
    assert revision(tmp_path) == "1f2e3d4c"
