"""Tries of workers, of which the calmest count: others on the processor take a third of a core for seconds at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.neighbours import Neighbours


@dataclass(frozen=True)
class Try:
    """One shard that a worker wrote, or one call of `implicit`.

    Args:
        users: Listeners.
        seconds: That it took.
        cpu_seconds: Of its core.
        began: By `time.perf_counter`.
        ended: Likewise.
        shared: As `Neighbours.shared`, of the worker's core.
    """

    users: int
    seconds: float
    cpu_seconds: float
    began: float
    ended: float
    shared: float

    @property
    def rate(self) -> float:
        """Listeners a second."""
        return self.users / self.seconds


def tries_of(printed: dict[str, Any], core: int, neighbours: Neighbours) -> list[Try]:
    """Return the tries that a worker on a core printed."""
    return [
        Try(**each, shared=neighbours.shared((core,), each["began"], each["ended"]))
        for each in printed["tries"]
    ]


def calmest(workers: Sequence[Sequence[Try]]) -> list[Try]:
    """Return the try of each worker that counts: the one with the least beside it, while all of them were at work."""
    first = max(tries[0].began for tries in workers)
    last = min(tries[-1].ended for tries in workers)
    found = []
    for tries in workers:
        at_once = [each for each in tries if each.began >= first and each.ended <= last]
        found.append(min(at_once or tries, key=lambda each: each.shared))
    return found
