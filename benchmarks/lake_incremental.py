"""Time of refreshing a lake for one more day of events on top of ninety, against building it whole."""

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.harness import Bar, Options, Result
from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.layout import bronze_schema
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, parse_settings
from crossfade.schema.tables import EVENTS

DAYS: Final = 90
USERS: Final = 1_500
QUICK_USERS: Final = 400
TRACKS: Final = 20_000
MOST_SHARE: Final = 1 / 20
LATE_SHARE: Final = 0.01  # of a day's events arrive one or two days late
REPEATED_SHARE: Final = 0.005  # ... and some twice
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAY_SECONDS: Final = 86_400

Int64s = npt.NDArray[np.int64]


def run(options: Options) -> Result:
    """Refresh after day 91, once by what is new and once whole, in lakes with equal bronze.

    Six in ten listeners are active on a day, with some twenty plays in a few sessions on one of two devices; one event in a
    hundred is up to two days late, one in two hundred comes twice. No farm is planted.
    """
    settings = parse_settings("", ["lake.rebuild_rows=0"])  # so that --quick measures the same
    rng = np.random.default_rng(1)
    users = QUICK_USERS if options.quick else USERS
    with TemporaryDirectory() as folder:
        lake, whole = Lake.create(Path(folder) / "lake"), Path(folder) / "whole"
        lake.append(BRONZE, EVENTS.name, _events(rng, users, 0, DAYS))
        first = _refreshed(lake, settings)
        lake.append(BRONZE, EVENTS.name, _events(rng, users, DAYS, 1))
        shutil.copytree(lake.path, whole, ignore=shutil.ignore_patterns("silver", "gold"))
        day, rebuild = _refreshed(lake, settings), _refreshed(Lake.open(whole), settings)
        events = lake.num_rows(BRONZE, EVENTS.name)
        same = all(
            lake.num_rows(*name.split("/")) == Lake.open(whole).num_rows(*name.split("/"))
            for name in lake.versions()
        )
    share = day.seconds / rebuild.seconds
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "events": events,
        "first_build_seconds": round(first.seconds, 1),
        "rebuild_seconds": round(rebuild.seconds, 1),
        "day_seconds": round(day.seconds, 1),
        "rebuild_cpu_seconds": round(rebuild.cpu_seconds, 1),
        "day_cpu_seconds": round(day.cpu_seconds, 1),
        "tables_updated": day.updated,
        "same_row_counts": same,
        "day_share": round(share, 4),
        "day_cpu_share": round(day.cpu_seconds / rebuild.cpu_seconds, 4),
    }
    notes = [
        "One run of each side; day_share is day_seconds over rebuild_seconds, day_cpu_share the same of processor time."
    ]
    return Result(figures, {"day_share": Bar(share, at_most=MOST_SHARE)}, notes)


@dataclass(frozen=True)
class _Refreshed:
    seconds: float
    cpu_seconds: float
    updated: int


def _refreshed(lake: Lake, settings: Settings) -> _Refreshed:
    started, cpu = time.perf_counter(), time.process_time()
    report = refresh(lake, settings)
    return _Refreshed(time.perf_counter() - started, time.process_time() - cpu, len(report.updated))


def _events(rng: np.random.Generator, users: int, first: int, days: int) -> pa.Table:
    """Return the events of some days as bronze has them, imported just after the last of them."""
    is_active = rng.random((days, users)) < 0.6
    day, user = np.nonzero(is_active)
    sessions = np.repeat(np.arange(len(day)), rng.integers(1, 4, len(day)))
    begins = (
        first * DAY_SECONDS + day[sessions] * DAY_SECONDS + rng.integers(0, DAY_SECONDS - 9000, len(sessions))
    )
    lengths = rng.integers(1, 20, len(sessions))
    owner = np.repeat(np.arange(len(sessions)), lengths)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    played_ms = rng.integers(1_000, 300_000, len(owner))
    seconds = begins[owner] + place * 240 + rng.integers(0, 60, len(owner))
    late = rng.random(len(owner)) < LATE_SHARE
    seconds = np.where(late & (first > 2), seconds - rng.integers(1, 3, len(owner)) * DAY_SECONDS, seconds)
    acts = {
        "user": user[sessions][owner],
        "track": rng.zipf(1.3, len(owner)) % TRACKS,
        "seconds": seconds,
        c.PLAYED_MS: played_ms,
    }
    rows = np.arange(len(owner))
    again = np.concatenate([rows, rows[rng.random(len(rows)) < REPEATED_SHARE]])
    return _table(again, {name: values[again] for name, values in acts.items()}, first + days)


def _table(rows: Int64s, acts: dict[str, Int64s], day: int) -> pa.Table:
    texts = {
        c.EVENT_ID: [f"{day:04}-{row:028x}" for row in rows],
        c.USER_ID: [f"user-{user:06}" for user in acts["user"]],
        c.TRACK_ID: [f"track-{track:07}" for track in acts["track"]],
        c.ARTIST_ID: [f"artist-{track % 3_000:06}" for track in acts["track"]],
        c.DEVICE: ["phone" if user % 2 else "web" for user in acts["user"]],
        c.EVENT_TYPE: ["listen"] * len(rows),
        c.SOURCE: ["events"] * len(rows),
        c.SOURCE_FILE: [f"day-{day}"] * len(rows),
    }
    microseconds = (int(START.timestamp()) + acts["seconds"]) * 1_000_000
    columns: dict[str, object] = {
        **texts,
        c.TIMESTAMP: microseconds,
        c.PLAYED_MS: acts[c.PLAYED_MS],
        c.SOURCE_ROW: np.arange(len(rows)),
        c.IMPORTED_AT: [START + timedelta(days=day)] * len(rows),
    }
    schema = bronze_schema(EVENTS)
    missing = {field.name: [None] * len(rows) for field in schema if field.name not in columns}
    return pa.table(columns | missing, schema=schema)
