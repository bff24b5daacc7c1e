"""A workspace with a tiny trained champion and a published playlist, and servers on loopback."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pyarrow as pa

from crossfade.recommender.fit import build_bundle
from crossfade.recommender.workspace import Workspace
from crossfade.store.contract import SLATES, Generation, SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.plan import KINDS
from tests.recommender import world

ROOT = Path(__file__).parents[2]
SURFACE = "discover_weekly"
STORED_USER = "u00"
STORED_TRACKS = tuple(f"r{i:02}" for i in range(12))


def make_workspace(planted_world: Path, directory: Path) -> Workspace:
    """Make a workspace of the planted world: its bundle is champion, and user u00 has a published playlist."""
    bundle = world.copied(planted_world, directory)
    workspace = Workspace.create(directory)
    workspace.promote(bundle.name, reason="First.", run_id="r1", evaluation={})
    publish(EmbeddedStore(workspace.store), bundle.name)
    return workspace


def another_bundle(workspace: Workspace, parent: str) -> Path:
    """Build a bundle that differs from the first one in its lineage alone, and so in its digest."""
    home = workspace.path
    return build_bundle(
        home / "dataset",
        home / "test",
        home / "ranker",
        workspace.bundles,
        until="test",
        settings=world.settings(),
        lineage={"parents": [parent]},
    )


def publish(store: SlateStore, bundle: str, name: str = "g1", tracks: Sequence[str] = STORED_TRACKS) -> None:
    """Publish one playlist, user u00's, and make it live."""
    sources = ("two_tower", "popular")
    generation = Generation(SURFACE, name, bundle, world.SPLIT.end, {}, len(tracks), 1, sources, KINDS)
    row = {
        "user_id": STORED_USER,
        "track_ids": list(tracks),
        "scores": [1.0 - 0.01 * place for place in range(len(tracks))],
        "propensities": [1.0] * len(tracks),
        "sources": ["two_tower"] * len(tracks),
        "reason_kinds": [KINDS[0]] * len(tracks),
        "reasons": [""] * len(tracks),
    }
    with store.begin(replace(generation)) as writer:
        writer.put_many(pa.Table.from_pylist([row], schema=SLATES))
    store.activate(SURFACE, name)


@contextmanager
def running(*command: str, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Python command for the block, its output in a file; ended by SIGTERM."""
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=file, stderr=file, env={**os.environ}
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 150) -> None:
    """Poll; fail when it takes longer."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Return whether a GET is answered with 200."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
