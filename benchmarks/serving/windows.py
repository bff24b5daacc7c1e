"""Windows of a load: made again where the load was stopped, and told together."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from benchmarks.serving.load import Outcome, Plan
from benchmarks.serving.services import loaded

# Of a window's time: where the load is stopped more, by whatever runs beside it, it has not made its load.
MOST_STOPPED: Final = 0.05
TRIES: Final = 4

Tries = list[Outcome]  # of one window; the last one counts


def window(plan: Plan, load: Callable[[Plan], Outcome] = loaded) -> Tries:
    """Make a load, and again where it was stopped; how long the service took has no say in that."""
    tries: Tries = []
    while len(tries) < TRIES and not (tries and tries[-1].load_stopped_share <= MOST_STOPPED):
        tries.append(load(plan))
    return tries


def told(name: str, windows: Sequence[Tries]) -> dict[str, float | int]:
    """Return the medians of a load's windows, since the machine changes.

    Beside them stand the worst latency and all that failed, which are of every try.
    """
    counted, tries = [each[-1] for each in windows], [each for window in windows for each in window]
    return {
        f"{name}_p50_ms": median(each.p50_ms for each in counted),
        f"{name}_p99_ms": median(each.p99_ms for each in counted),
        f"{name}_worst_p99_ms": max(each.p99_ms for each in tries),
        f"{name}_as_seen_p99_ms": median(each.as_seen_p99_ms for each in counted),
        f"{name}_load_late_p99_ms": median(each.load_late_p99_ms for each in counted),
        f"{name}_load_stopped_share": max(each.load_stopped_share for each in counted),
        f"{name}_windows_made_again": len(tries) - len(counted),
        f"{name}_failed": sum(each.failed for each in tries),
        f"{name}_fallbacks": sum(each.fallbacks for each in tries),
    }
