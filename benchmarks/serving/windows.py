"""Windows of a load: made again where others took the machine, and told together."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

import numpy as np

from benchmarks.neighbours import CALM, Neighbours
from benchmarks.serving.load import Outcome, Plan
from benchmarks.serving.services import Service, measured

# Of a window's time: where the load is stopped more, by whatever runs beside it, it has not made its load.
MOST_STOPPED: Final = 0.05
TRIES: Final = 4
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Window:
    """One try at a window.

    Args:
        outcome: Of its load.
        worked: By the service, in seconds of a core for each answer.
        shared: As `Neighbours.shared`, of the service's core.
    """

    outcome: Outcome
    worked: float
    shared: float

    @property
    def is_whole(self) -> bool:
        """Whether its load was made."""
        return self.outcome.load_stopped_share <= MOST_STOPPED

    @property
    def is_calm(self) -> bool:
        """Whether its load was made and nobody was beside the service's core; how long the service took has no say."""
        return self.is_whole and self.shared <= CALM


Tries = list[Window]  # at one window
Measured = tuple[Outcome, float]  # what came back, and the service's work for each answer


@dataclass(frozen=True)
class Pace:
    """How loads are measured.

    Args:
        neighbours: Watch the cores.
        rounds: Of saturation and of windows at a share of it, in turn: the machine changes from minute to minute, and half of
            what it could do then is another load for what it is now. Figures are medians.
        seconds: A window; calm lasts for some seconds where others are busy.
    """

    neighbours: Neighbours
    rounds: int
    seconds: float


def window(
    service: Service,
    plan: Plan,
    neighbours: Neighbours,
    most_tries: int = TRIES,
    measure: Callable[[Service, Plan], Measured] = measured,
) -> Tries:
    """Make a load until it was made in calm, so many times at most."""
    tries: Tries = []
    while len(tries) < most_tries and not (tries and tries[-1].is_calm):
        started = time.perf_counter()
        (outcome, worked), cores = _followed(service, partial(measure, service, plan))
        tries.append(Window(outcome, worked, neighbours.shared(cores, started, time.perf_counter())))
    return tries


def _followed(service: Service, work: Callable[[], Measured]) -> tuple[Measured, list[int]]:
    """Do something, and note meanwhile on which core the service is."""
    cores = [service.core()]
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(work)
        while not wait([doing], timeout=LOOK_SECONDS).done:
            cores.append(service.core())
        return doing.result(), cores


def calmest(tries: Tries) -> Window:
    """Return the try that counts: of those whose load was made, the one with the least beside it."""
    return min(tries, key=lambda each: (not each.is_whole, each.shared))


def told(name: str, windows: Sequence[Tries]) -> dict[str, float | int]:
    """Return the latencies of all requests in a load's windows, and beside them of those of every try, with all that failed."""
    counted, tries = [calmest(each) for each in windows], [each for window in windows for each in window]
    outcomes, everything = [each.outcome for each in counted], [each.outcome for each in tries]
    p50, p99 = _percentiles(outcomes)
    return {
        f"{name}_p50_ms": p50,
        f"{name}_p99_ms": p99,
        f"{name}_shared": max(each.shared for each in counted),
        f"{name}_tries": len(tries),
        f"{name}_every_try_p99_ms": _percentiles(everything)[1],
        f"{name}_worst_try_p99_ms": max(each.p99_ms for each in everything),
        f"{name}_as_seen_p99_ms": median(each.as_seen_p99_ms for each in outcomes),
        f"{name}_load_late_p99_ms": median(each.load_late_p99_ms for each in outcomes),
        f"{name}_load_stopped_share": max(each.load_stopped_share for each in outcomes),
        f"{name}_failed": sum(each.failed for each in everything),
        f"{name}_fallbacks": sum(each.fallbacks for each in everything),
    }


def _percentiles(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return p50 and p99 of all their requests: of one window of some seconds p99 is little more than its longest stall."""
    latencies = np.concatenate([each.latencies_ms for each in outcomes])
    p50, p99 = np.percentile(latencies, [50, 99]) if len(latencies) else (np.nan, np.nan)
    return float(p50), float(p99)
