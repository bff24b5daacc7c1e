"""The version that is upgraded from: its code, taken out of Git, and what it leaves behind when it has run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError

ROOT: Final = Path(__file__).parents[2]
LEFT: Final = Path(__file__).with_name("left.py")


def code_of(revision: str, directory: Path) -> Path:
    """Return a directory with the code of a revision.

    Args:
        revision: Of this checkout's history; empty is the checkout itself.
        directory: Gets the code, where it is another's.

    Raises:
        NotFoundError: Git knows no such revision.
    """
    if not revision:
        return ROOT
    directory.mkdir()
    archive = ["git", "-C", str(ROOT), "archive", "--format=tar", revision]
    done = subprocess.run(archive, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode().strip()
        raise NotFoundError(f"There is no revision {revision!r} to upgrade from: {told}.")
    subprocess.run(["tar", "--extract", "--directory", str(directory)], input=done.stdout, check=True)
    return directory


def left_by(code: Path, scratch: Path, *, quick: bool, directory: Path | None) -> Workspace:
    """Let a version make a workspace with a champion and playlists, in a process of its own.

    Args:
        code: Directory with its code.
        scratch: Gets everything.
        quick: Makes a small one.
        directory: A demo's, whose champion is taken; None plants a world.
    """
    told = [str(scratch), "quick" if quick else "", "" if directory is None else str(directory.resolve())]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    subprocess.run([sys.executable, str(LEFT), *told], cwd=code, env=environment, check=True)
    return Workspace.open(scratch / "workspace")
