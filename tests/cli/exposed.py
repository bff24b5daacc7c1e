"""A lake with exposures of two variants, one of which makes people play more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.settings import load_settings
from crossfade.sources.importing import import_files

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
USERS = 300
TEXTS = ("event_type", "user_id", "track_id", "slate_id", "surface", "experiment", "variant")
COLUMNS = [
    ("timestamp", pa.timestamp("us", "UTC")),
    ("played_ms", pa.int64()),
    *((name, pa.string()) for name in TEXTS),
]
EVENTS = 20


def _event(user: str, moment: datetime, **told: Any) -> dict[str, Any]:
    return {"event_type": "listen", "user_id": user, "timestamp": moment, **told}


def _of_user(number: int) -> list[dict[str, Any]]:
    """Play 5 tracks before; be shown a variant; then play 5 to 7 tracks, of `flow` twice as many, and skip every fifth."""
    user, flow = f"u{number}", number % 2 == 1
    shown = BEGAN + timedelta(hours=number % 48)
    exposure = _event(user, shown, track_id="t0", event_type="exposure", slate_id=f"s{number}")
    exposure |= {"surface": "radio", "experiment": "radio-flow", "variant": "flow" if flow else "control"}
    plays = (5 + number // 2 % 3) * (2 if flow else 1)
    before = [
        _event(user, shown - timedelta(days=2, minutes=5 * n), track_id=f"t{n}", played_ms=90_000)
        for n in range(5)
    ]
    after = [
        _event(
            user,
            shown + timedelta(minutes=5 * (n + 1)),
            track_id=f"t{n % EVENTS}",
            played_ms=2_000 if n % 5 == 4 else 90_000,
        )
        for n in range(plays)
    ]
    return [*before, exposure, *after]


def made(folder: Path) -> Path:
    """Import what all users did into a lake, and refresh it."""
    rows = [event for number in range(USERS) for event in _of_user(number)]
    other = _of_user(USERS)[5] | {"timestamp": BEGAN, "variant": "control", "slate_id": "x"}
    rows += [other, other | {"variant": "flow", "timestamp": BEGAN + timedelta(hours=1), "slate_id": "y"}]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(COLUMNS)), folder / "events.parquet")
    lake = Lake.create(folder / "lake")
    import_files(lake, "events", [folder / "events.parquet"], settings=load_settings())
    refresh(lake, load_settings())
    return lake.path
