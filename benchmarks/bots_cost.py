"""Time that telling bots from listeners takes of a refresh of silver and gold, on millions of events."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.lake.world import lake_of
from crossfade.lake.build import refresh
from crossfade.lake.engine_duckdb import engine
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.making import Making
from crossfade.lake.still import StillLake
from crossfade.lake.touched import dropped
from crossfade.schema.settings import Settings, default_settings

EVENTS: Final = 4_000_000
QUICK_EVENTS: Final = 1_000_000
MOST_SHARE: Final = 0.25
BOTS: Final = ("silver/bot_hours", "silver/bot_days", "silver/bots")


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock and of processor time."""

    seconds: float
    cpu_seconds: float


def run(options: Options) -> Result:
    """Refresh a lake whose listeners are one world's, many times over under other names; each table is timed.

    The first table of bots holds the search for repeated events, which `silver/events` then finds done: without bots it
    would stand there. It is timed once more alone. Users keep their own ids, which all tables would have to name.
    """
    settings = default_settings().with_own_ids()
    with TemporaryDirectory() as folder:
        lake = lake_of(Path(folder), QUICK_EVENTS if options.quick else EVENTS, settings)
        tables = taken_by_table(lake, settings)
        repeats = _repeats(lake, settings)
        events = lake.num_rows(BRONZE, "events")
    return result(tables, repeats, events, quick=options.quick)


def taken_by_table(lake: Lake, settings: Settings) -> dict[str, Taken]:
    """Refresh a lake and return what each table took."""
    begun: list[tuple[str, float, float]] = []

    def note(table: str) -> None:
        begun.append((table, time.perf_counter(), time.process_time()))

    refresh(lake, settings, note)
    note("end")
    return {
        table: Taken(end - start, cpu_end - cpu)
        for (table, start, cpu), (_, end, cpu_end) in itertools.pairwise(begun)
    }


def _repeats(lake: Lake, settings: Settings) -> Taken:
    """Look for repeated events alone."""
    with lake.writing() as scratch, engine(scratch, settings.lake.memory_gib) as session:
        started, cpu = time.perf_counter(), time.process_time()
        dropped(Making(StillLake(lake.path), session, settings))
        return Taken(time.perf_counter() - started, time.process_time() - cpu)


def result(tables: dict[str, Taken], repeats: Taken, events: int, *, quick: bool) -> Result:
    """Return the share of bots, by the clock and of processor time, with the search for repeats and without."""
    whole = _sum(list(tables.values()))
    bots = _sum([tables[table] for table in BOTS])
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "events": events,
        "refresh_seconds": round(whole.seconds, 1),
        "refresh_cpu_seconds": round(whole.cpu_seconds, 1),
        "bots_seconds": round(bots.seconds, 1),
        "repeats_seconds": round(repeats.seconds, 1),
        "bots_share": bots.seconds / whole.seconds,
        "bots_cpu_share": bots.cpu_seconds / whole.cpu_seconds,
        "bots_share_without_repeats": (bots.seconds - repeats.seconds) / whole.seconds,
        "bots_cpu_share_without_repeats": (bots.cpu_seconds - repeats.cpu_seconds) / whole.cpu_seconds,
    }
    notes = ["One run; shares are of the time of silver and gold together.", ""]
    notes += [
        f"{name:<24}{each.seconds:8.1f} s{each.cpu_seconds:8.1f} s of processor time"
        for name, each in tables.items()
    ]
    return Result(figures, {"bots_share": Bar(bots.seconds / whole.seconds, at_most=MOST_SHARE)}, notes)


def _sum(taken: list[Taken]) -> Taken:
    return Taken(sum(each.seconds for each in taken), sum(each.cpu_seconds for each in taken))
