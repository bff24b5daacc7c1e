"""Keeps the threads of a service that take turns on one core, and on another one when somebody else works there.

Python lets one thread run at a time. Where threads that take turns are spread over cores, each finds caches that know nothing of
what the other one wrote, and has another core woken for it (docs/decisions/0048).

Linux only; elsewhere, and where there is one core, nothing happens.
"""

import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

THREADS: Final = Path("/proc/self/task")
MOST_DELAY: Final = 0.3  # of the time between two looks: threads that alternate wait for each other, too


@dataclass
class _Core:
    allowed: frozenset[int]
    number: int
    looked: float
    waited: float


_core: _Core | None = None


def keep() -> None:
    """Keep the calling thread, and all that it starts from now on, on one core; threads that are there already stay free."""
    global _core
    if (
        hasattr(os, "sched_setaffinity")
        and (allowed := frozenset(os.sched_getaffinity(0)))
        and len(allowed) > 1
    ):
        core = random.choice(sorted(allowed))
        with suppress(OSError):
            os.sched_setaffinity(0, {core})
            _core = _Core(allowed, core, time.monotonic(), _waited(_kept(core)))


def free() -> None:
    """Let the calling thread run anywhere: it has long work that nobody waits for."""
    if _core is not None:
        with suppress(OSError):  # others have taken all these cores away
            os.sched_setaffinity(0, _core.allowed)


def look() -> None:
    """Move to another core where the kept threads had to wait for this one; call it from time to time.

    Whether they move is left to chance, so that two services that are on each other's core do not both leave it for the next one.
    """
    if _core is None:
        return
    threads, now = _kept(_core.number), time.monotonic()
    waited = _waited(threads)
    share = (waited - _core.waited) / max(now - _core.looked, 1e-3)
    _core.waited, _core.looked = waited, now
    if share > MOST_DELAY and random.random() < 0.5:
        other = random.choice(sorted(_core.allowed - {_core.number}))
        for thread in threads:
            with suppress(OSError):  # it has ended, or that core is no longer ours
                os.sched_setaffinity(thread, {other})
                _core.number = other


def _kept(core: int) -> list[int]:
    kept = []
    for thread in map(int, os.listdir(THREADS)):
        with suppress(OSError):
            if os.sched_getaffinity(thread) == {core}:
                kept.append(thread)
    return kept


def _waited(threads: list[int]) -> float:
    """Return how many seconds threads could have run and had no core."""
    waited = 0
    for thread in threads:
        with suppress(OSError):
            waited += int((THREADS / str(thread) / "schedstat").read_text("ascii").split()[1])
    return waited / 1e9
