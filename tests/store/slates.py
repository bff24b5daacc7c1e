"""Generations whose slates know where they come from: every track id and reason names its generation."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from crossfade.store.contract import SLATES, Generation, SlateStore
from crossfade.store.embedded import EmbeddedStore

SURFACE = "discover_weekly"
SOURCES = ("two_tower", "popular")
KINDS = ("none", "listen")


def generation(name: str, num_users: int = 3, length: int = 3) -> Generation:
    return Generation(
        SURFACE, name, "b" * 64, 1_700_000_000, {"gold/interactions": 4}, length, num_users, SOURCES, KINDS
    )


def slates(name: str, users: Sequence[str], length: int = 3) -> pa.Table:
    """Slates of planted content: full for the first user, one track less for the next, and so on."""
    rows = [
        {
            "user_id": user,
            "track_ids": [f"{name}/{user}/{place}" for place in range(count)],
            "scores": [1.0 - 0.25 * place for place in range(count)],
            "propensities": [1.0] * count,
            "sources": [SOURCES[place % 2] for place in range(count)],
            "reason_kinds": [KINDS[place % 2] for place in range(count)],
            "reasons": [
                "" if place % 2 == 0 else f"Weil du «Süß {place}» hörst ({name})" for place in range(count)
            ],
        }
        for number, user in enumerate(users)
        for count in [length - number % (length + 1)]
    ]
    return pa.Table.from_pylist(rows, schema=SLATES)


def publish(store: SlateStore, name: str, users: Sequence[str] = ("a", "b", "c"), length: int = 3) -> None:
    with store.begin(generation(name, len(users), length)) as writer:
        writer.put_many(slates(name, users, length))
    store.activate(SURFACE, name)


def run(code: str, store: EmbeddedStore, *arguments: str) -> subprocess.Popen[str]:
    """Run code in a process of its own; its arguments are the store's directory and what is given."""
    command = [sys.executable, "-c", code, str(store.directory), *arguments]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


# Reads until told to stop, and stops by itself where it sees a mixture of generations.
READ = """
import sys, time
from pathlib import Path
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.environment import EmbeddedWriter
from tests.store.slates import SURFACE
store = EmbeddedStore(Path(sys.argv[1]))
seen, reads = set(), 0
print("ready", flush=True)
while not (store.directory / "stop").exists():
    reader = store.reader(SURFACE)
    slates = [reader.get(user) for user in ("a", "b", "c")]
    names = {track.split("/")[0] for slate in slates for track in slate.track_ids}
    names |= {slate.generation for slate in slates}
    assert names == {reader.generation.name}, names
    single = store.get(SURFACE, "a")
    assert {track.split("/")[0] for track in single.track_ids} == {single.generation}
    seen |= names
    reads += 1
print(reads, len(seen))
"""
