"""Make a workspace with a champion and published playlists; run with the code of any version on the path of Python.

PYTHONPATH=CODE python left.py SCRATCH ("quick" | "") (DIRECTORY | "")
"""

import sys
from pathlib import Path

from benchmarks.harness import Options
from benchmarks.serving.place import workspace_of
from benchmarks.serving.services import publish
from crossfade.recommender.recommend import Recommender
from crossfade.store.opening import opened

NUM_USERS = 200


def leave(scratch: Path, options: Options) -> None:
    """Make both in `scratch/workspace`, playlists of the first users."""
    workspace = workspace_of(options, scratch)
    known = Recommender.load(workspace.champion())
    publish(opened("", workspace), known, known.dataset.users.ids.ids[:NUM_USERS].to_pylist())


if __name__ == "__main__":
    scratch, is_quick, directory = sys.argv[1:]
    leave(Path(scratch), Options(quick=bool(is_quick), directory=Path(directory) if directory else None))
