"""The Git revision of the code that runs: from the checkout, or from the image that it was built into."""

import os
import subprocess
from pathlib import Path
from typing import Final

REVISION_VARIABLE: Final = "CROSSFADE_REVISION"  # set in the images
CHANGED: Final = " with changes that are not committed"
_ROOT: Final = Path(__file__).parents[2]


def revision(root: Path = _ROOT) -> str:
    """Return the commit, and whether files differ from it; empty where neither Git nor the environment tells.

    Args:
        root: Of the checkout; by default the one that this code is of.
    """
    if named := os.environ.get(REVISION_VARIABLE, "").strip():
        return named
    if not (root / ".git").exists():
        return ""
    commit = _git(root, "rev-parse", "HEAD")
    return f"{commit}{CHANGED if _git(root, 'status', '--porcelain') else ''}" if commit else ""


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no Git, or a checkout of another owner
        return ""
    return done.stdout.strip()
