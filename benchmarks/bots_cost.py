"""Time that telling bots from listeners takes of a refresh of silver and gold, on millions of events."""

import itertools
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.lake.world import lake_of
from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema.settings import Settings, default_settings

EVENTS: Final = 4_000_000
QUICK_EVENTS: Final = 1_000_000
MOST_SHARE: Final = 0.25
BOTS: Final = "silver/bots"


def run(options: Options) -> Result:
    """Refresh a lake whose listeners are one world's, many times over under other names; each table is timed.

    The time of `silver/bots` holds the search for repeated events, which `silver/events` then finds done: without bots it would
    stand there. So the share is an upper limit.
    """
    with TemporaryDirectory() as folder:
        lake = lake_of(Path(folder), QUICK_EVENTS if options.quick else EVENTS, default_settings())
        seconds = _seconds_by_table(lake, default_settings())
        events = lake.num_rows(BRONZE, "events")
    whole = sum(seconds.values())
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "events": events,
        "refresh_seconds": round(whole, 1),
        "bots_seconds": round(seconds[BOTS], 1),
        "bots_share": seconds[BOTS] / whole,
    }
    notes = ["One run; the share is of the time of silver and gold together.", ""]
    notes += [f"{name:<24}{taken:8.1f} s" for name, taken in seconds.items()]
    return Result(figures, {"bots_share": Bar(seconds[BOTS] / whole, at_most=MOST_SHARE)}, notes)


def _seconds_by_table(lake: Lake, settings: Settings) -> dict[str, float]:
    begun: list[tuple[str, float]] = []
    refresh(lake, settings, lambda table: begun.append((table, time.perf_counter())))
    begun.append(("end", time.perf_counter()))
    return {table: end - start for (table, start), (_, end) in itertools.pairwise(begun)}
