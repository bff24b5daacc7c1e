"""A batch that is killed at random moments, again and again, and then finishes: its bytes are those of one undisturbed."""

import os
import random
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

from benchmarks.weekly.world import World
from crossfade.recommender.workspace import Workspace

# A kill comes at most so long after the start, so that most fall into the making of a shard.
MOST_SECONDS: Final = 8.0


def kills(world: World, folder: Path, number: int) -> dict[str, float | int]:
    """Run a batch to its end twice, once killed `number` times, and compare the files.

    Returns:
        How many kills met a running batch, and whether all files are equal (1) or not (0).
    """
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    _run(world, undisturbed).wait()
    moments = random.Random(0)
    met = 0
    for _ in range(number):
        process = _run(world, disturbed)
        time.sleep(moments.uniform(0, MOST_SECONDS))
        met += process.poll() is None
        process.kill()
        process.wait()
    _run(world, disturbed).wait()
    return {"kills": met, "kills_equal": int(digests(undisturbed) == digests(disturbed) != {})}


def digests(workspace: Path) -> dict[str, str]:
    """Return the digest of every finished file of the batches of a workspace, by its path."""
    home = Workspace(workspace).weekly
    files = (path for path in home.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(home)): sha256(path.read_bytes()).hexdigest() for path in files}


def _run(world: World, workspace: Path) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable,
        "-m",
        "benchmarks.weekly.batch",
        *map(str, (world.dataset, world.bundle, workspace)),
    ]
    return subprocess.Popen(command, env=os.environ)
