"""Time that telling bots from listeners takes of a refresh of silver and gold, on millions of events."""

import itertools
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.bots.world import SPEC
from benchmarks.harness import Bar, Options, Result
from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, default_settings
from crossfade.sources.importing import import_files
from crossfade.twin.twin import simulate

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
        lake = _lake(Path(folder), QUICK_EVENTS if options.quick else EVENTS, default_settings())
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


def _lake(directory: Path, events: int, settings: Settings) -> Lake:
    twin = simulate(replace(SPEC, seed=1))
    lake = Lake.create(directory / "lake")
    for path in twin.write(directory / "twin"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=settings)
    first = lake.read(BRONZE, "events")
    for copy in range(1, -(-events // len(first))):
        lake.append(BRONZE, "events", _renamed(first, copy))
    return lake


def _renamed(events: pa.Table, copy: int) -> pa.Table:
    """Return the events under other users, sessions, ids and a file of their own."""
    for name in (c.EVENT_ID, c.USER_ID, c.SESSION_ID, c.SOURCE_FILE):
        place = events.schema.get_field_index(name)
        named = pc.binary_join_element_wise(events.column(name), f"copy-{copy}", "-")
        events = events.set_column(place, events.schema.field(name), named)
    return events


def _seconds_by_table(lake: Lake, settings: Settings) -> dict[str, float]:
    begun: list[tuple[str, float]] = []
    refresh(lake, settings, lambda table: begun.append((table, time.perf_counter())))
    begun.append(("end", time.perf_counter()))
    return {table: end - start for (table, start), (_, end) in itertools.pairwise(begun)}
