"""Reads playlists as a service does, at a steady pace, until its standard input ends.

    python -m benchmarks.publish.reader WORKSPACE STORE_URL NUM_USERS FILE

Writes an array [reads, 3] float64 to the file: when a read began (seconds of the machine's steady clock), how long it took
(seconds), and the week that it saw; -1 for an error, -2 for a slate with tracks of two weeks.
"""

import select
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.publish.week import ERROR, MIXTURE, WEEK
from benchmarks.weekly.stages import SURFACE
from benchmarks.weekly.world import names
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError
from crossfade.store.contract import SlateStore
from crossfade.store.opening import opened

PAUSE_SECONDS: Final = 0.002
READY: Final = "ready"


def main() -> None:
    """Read until told to end, and write down what was seen."""
    workspace, url, num_users, file = sys.argv[1:]
    store = opened(url, Workspace.open(Path(workspace)))
    users = names("u", np.arange(int(num_users))).to_pylist()
    random = np.random.default_rng(0)
    seen: list[tuple[float, float, float]] = []
    print(READY, flush=True)
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        user = users[random.integers(len(users))]
        started = time.perf_counter()
        week = week_seen(store, user)
        seen.append((started, time.perf_counter() - started, week))
    np.save(file, np.array(seen))


def week_seen(store: SlateStore, user: str) -> int:
    """Return the week that a user's slate is of."""
    try:
        slate = store.get(SURFACE, user)
    except CrossfadeError:
        return ERROR
    if slate is None:
        return ERROR
    weeks = set((slate.scores // WEEK).astype(int).tolist())
    return weeks.pop() if len(weeks) == 1 else MIXTURE


if __name__ == "__main__":
    main()
