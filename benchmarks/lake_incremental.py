"""Time of refreshing a lake for one more day of events on top of ninety, against building it whole.

One day's events all come on it; of each of the next three days', one in a hundred was of the two days before, which are written
anew, too. The one of these three that took neither the longest nor the shortest time is judged: a day takes seconds, and so
short a time the speed of a machine is not the same for long.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.harness import Bar, Options, Result
from benchmarks.lake import digest
from benchmarks.lake.days import LISTENS_PER_USER_DAY, events_of_days
from crossfade.lake.build import STEPS, refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema.settings import Settings, parse_settings
from crossfade.schema.tables import EVENTS
from crossfade.schema.user_keys import lake_keys, write_keys

READS: Final = ("num_listens",)
DAYS: Final = 88  # ninety, when the second of the judged days comes on top
DAYS_PER_IMPORT: Final = 11
JUDGED_DAYS: Final = 3
OF_REBUILD: Final = 90 / (DAYS + 1 + JUDGED_DAYS)  # what is built whole has the judged days, too
LISTENS: Final = 10_000_000
QUICK_LISTENS: Final = 450_000
MOST_SHARE: Final = 1 / 20


def run(options: Options) -> Result:
    """Refresh after each of four more days by what is new, and after the last whole; the tables must be equal."""
    settings = parse_settings("", ["lake.rebuild_rows=0"])  # so that --quick measures the same
    listens = options.num_listens or (QUICK_LISTENS if options.quick else LISTENS)
    with TemporaryDirectory() as folder:
        lake, whole = Lake.create(Path(folder) / "lake"), Path(folder) / "whole"
        rng, users = np.random.default_rng(1), max(1, int(listens / LISTENS_PER_USER_DAY / DAYS))
        for first in range(0, DAYS, DAYS_PER_IMPORT):
            lake.append(BRONZE, EVENTS.name, events_of_days(rng, users, first, DAYS_PER_IMPORT))
        first_build = _refreshed(lake, settings)
        lake.append(BRONZE, EVENTS.name, events_of_days(rng, users, DAYS, 1, late_share=0.0))
        punctual = _refreshed(lake, settings)
        days = []
        for number in range(DAYS + 1, DAYS + 1 + JUDGED_DAYS):
            lake.append(BRONZE, EVENTS.name, events_of_days(rng, users, number, 1))
            days.append(_refreshed(lake, settings))
        shutil.copytree(lake.path, whole, ignore=shutil.ignore_patterns("silver", "gold"))
        if keys := lake_keys(lake.path):  # they stand beside a lake, not in it
            write_keys(whole, keys.keys)
        rebuild = _refreshed(Lake.open(whole), settings)
        events = lake.num_rows(BRONZE, EVENTS.name)
        _require_equal(lake, Lake.open(whole))
    about = {"quick": options.quick, "events": events, "first_build_seconds": round(first_build.seconds, 1)}
    return _result(punctual, sorted(days, key=lambda day: day.seconds), rebuild, about)


@dataclass(frozen=True)
class _Refreshed:
    seconds: float
    cpu_seconds: float
    updated: int
    tables: Mapping[str, float]


def _refreshed(lake: Lake, settings: Settings) -> _Refreshed:
    begun: list[tuple[str, float]] = []
    started, cpu = time.perf_counter(), time.process_time()
    report = refresh(lake, settings, lambda table: begun.append((table, time.perf_counter())))
    ended = time.perf_counter()
    ends = [*(moment for _, moment in begun[1:]), ended]
    tables = {table: end - start for (table, start), end in zip(begun, ends, strict=True)}
    return _Refreshed(ended - started, time.process_time() - cpu, len(report.updated), tables)


def _require_equal(lake: Lake, whole: Lake) -> None:
    """Compare number and hash of the rows of every table."""
    for table in (step.target for step in STEPS):
        layer, _, name = table.partition("/")
        by_day, at_once = (digest(each.files(layer, name)) for each in (lake, whole))
        assert by_day == at_once, f"{table}: {by_day} by days, {at_once} at once"


def _result(
    punctual: _Refreshed,
    days: Sequence[_Refreshed],
    rebuild: _Refreshed,
    about: Mapping[str, float | int | str | bool],
) -> Result:
    day = days[len(days) // 2]
    share = day.seconds / (rebuild.seconds * OF_REBUILD)
    figures = {
        **about,
        "rebuild_seconds": round(rebuild.seconds, 1),
        "day_seconds": round(day.seconds, 2),
        "least_day_seconds": round(days[0].seconds, 2),
        "most_day_seconds": round(days[-1].seconds, 2),
        "rebuild_cpu_seconds": round(rebuild.cpu_seconds, 1),
        "day_cpu_seconds": round(day.cpu_seconds, 2),
        "punctual_day_seconds": round(punctual.seconds, 2),
        "punctual_day_share": round(punctual.seconds / (rebuild.seconds * OF_REBUILD), 4),
        "tables_updated": day.updated,
        "day_share": round(share, 4),
        "day_cpu_share": round(day.cpu_seconds / (rebuild.cpu_seconds * OF_REBUILD), 4),
    }
    notes = [
        "In one process; day_share is day_seconds, of the middle one of three days, over what ninety days take of",
        "rebuild_seconds, which is of 92; day_cpu_share is the same of processor time. No event of the punctual day, which came",
        "before, was late. Every table was equal by number and hash of its rows.",
        "Seconds of the day and of the rebuild:",
        "",
    ]
    notes += [
        f"{table:<24}{seconds:8.2f}{rebuild.tables.get(table, 0.0):8.2f}"
        for table, seconds in day.tables.items()
    ]
    return Result(figures, {"day_share": Bar(share, at_most=MOST_SHARE)}, notes)
