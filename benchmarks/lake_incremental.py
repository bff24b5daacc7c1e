"""Time of refreshing a lake for one more day of events on top of ninety, against building it whole."""

import shutil
import time
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
USERS: Final = 2_000
QUICK_USERS: Final = 400
TRACKS: Final = 20_000
MOST_SHARE: Final = 1 / 20
LATE_SHARE: Final = 0.01  # of a day's events arrive one or two days late
REPEATED_SHARE: Final = 0.005  # ... and some twice
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAY_SECONDS: Final = 86_400


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
        for first, days in ((0, DAYS - 1), (DAYS - 1, 1)):
            lake.append(BRONZE, EVENTS.name, _events(rng, users, first, days))
        first_seconds = _seconds(lake, settings)[0]
        lake.append(BRONZE, EVENTS.name, _events(rng, users, DAYS, 1))
        shutil.copytree(lake.path, whole, ignore=shutil.ignore_patterns("silver", "gold"))
        seconds, updated = _seconds(lake, settings)
        whole_seconds, _ = _seconds(Lake.open(whole), settings)
        events = lake.num_rows(BRONZE, EVENTS.name)
        same = all(
            lake.num_rows(*name.split("/")) == Lake.open(whole).num_rows(*name.split("/"))
            for name in lake.versions()
        )
    share = seconds / whole_seconds
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "events": events,
        "first_build_seconds": round(first_seconds, 1),
        "rebuild_seconds": round(whole_seconds, 1),
        "day_seconds": round(seconds, 1),
        "tables_updated": updated,
        "same_row_counts": same,
        "day_share": round(share, 4),
    }
    notes = ["One run of each side; day_share is day_seconds over rebuild_seconds."]
    return Result(figures, {"day_share": Bar(share, at_most=MOST_SHARE)}, notes)


def _seconds(lake: Lake, settings: Settings) -> tuple[float, int]:
    started = time.perf_counter()
    report = refresh(lake, settings)
    return time.perf_counter() - started, len(report.updated)


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
    rows = np.arange(len(owner))
    again = np.concatenate([rows, rows[rng.random(len(rows)) < REPEATED_SHARE]])
    return _table(
        again, user[sessions][owner], rng.zipf(1.3, len(owner)) % TRACKS, seconds, played_ms, first + days
    )


def _table(
    rows: npt.NDArray[np.int64],
    users: npt.NDArray[np.int64],
    tracks: npt.NDArray[np.int64],
    seconds: npt.NDArray[np.int64],
    played_ms: npt.NDArray[np.int64],
    day: int,
) -> pa.Table:
    texts = {
        c.EVENT_ID: [f"{day:04}-{row:028x}" for row in rows],
        c.USER_ID: [f"user-{user:06}" for user in users[rows]],
        c.TRACK_ID: [f"track-{track:07}" for track in tracks[rows]],
        c.ARTIST_ID: [f"artist-{track % 3_000:06}" for track in tracks[rows]],
        c.DEVICE: ["phone" if user % 2 else "web" for user in users[rows]],
    }
    columns = {name: pa.array(values) for name, values in texts.items()}
    moments = (int(START.timestamp()) + seconds[rows]) * 1_000_000
    columns |= {
        c.EVENT_TYPE: pa.repeat("listen", len(rows)),
        c.TIMESTAMP: pa.array(moments, pa.timestamp("us", "UTC")),
        c.PLAYED_MS: pa.array(played_ms[rows]),
        c.SOURCE: pa.repeat("events", len(rows)),
        c.SOURCE_FILE: pa.repeat(f"day-{day}", len(rows)),
        c.SOURCE_ROW: pa.array(np.arange(len(rows))),
        c.IMPORTED_AT: pa.repeat(
            pa.scalar(START + timedelta(days=day), pa.timestamp("us", "UTC")), len(rows)
        ),
    }
    schema = bronze_schema(EVENTS)
    arrays = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in schema]
    return pa.Table.from_arrays(
        [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
    )
