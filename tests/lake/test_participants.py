"""What users did around their first exposure, counted by hand on a few events of DuckDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa

from crossfade.lake.participants import behaviour, with_dwell

SHOWN = datetime(2026, 3, 9, tzinfo=UTC)
USERS = pa.table({"user_id": ["a", "b"], "first_shown": pa.array([SHOWN, SHOWN], pa.timestamp("us", "UTC"))})
SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("track_id", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("strength", pa.float32()),
        ("session_id", pa.string()),
        ("event_type", pa.string()),
    ]
)


def _act(track: str, days: float | None, session: str = "s", kind: str = "listen") -> dict[str, Any]:
    moment = None if days is None else SHOWN + timedelta(days=days)
    return {
        "user_id": "a", "track_id": track, "timestamp": moment, "strength": 1.0, "session_id": session,
        "event_type": kind,
    }  # fmt: skip


def test_discoveries_sessions_and_returns() -> None:
    acts = [
        _act("old", None, kind="save"),  # an import without a time: always in the library
        _act("old", 1, "s1"),
        _act("new", 1, "s1"),  # discovered,
        _act("new", 1.1, "s1", kind="save"),
        _act("new", 2, "s2"),  # and not any more
        _act("other", 7, "s3"),  # discovered, a week after
        _act("other", -6, "s0"),  # discovered, not a week before
    ]
    tables = (ibis.memtable(rows) for rows in (USERS, pa.Table.from_pylist(acts, SCHEMA)))
    found = ibis.duckdb.connect().to_pyarrow(behaviour(*tables, before=timedelta(days=14)))
    told = {row["user_id"]: row for row in found.to_pylist()}
    names = ("plays", "discovered", "sessions", "returned", "saves")
    assert [told["a"][name] for name in names] == [4, 2, 3, 1, 1]
    assert [told["a"][f"{name}_before"] for name in names] == [1, 1, 1, 0, 0]
    assert [told["b"][name] for name in names] == [0] * 5


def test_dwelling_is_listening_to_what_was_shown_since_it_was() -> None:
    rows = [
        {"event_type": "exposure", "track_id": "shown", "days": 0.0, "experiment": "flow"},
        {"event_type": "exposure", "track_id": "shown", "days": 0.5, "experiment": "flow"},
        {"event_type": "exposure", "track_id": "elsewhere", "days": 0.0, "experiment": "other"},
        {"event_type": "listen", "track_id": "shown", "days": -1.0, "played_ms": 1_000},
        {"event_type": "listen", "track_id": "shown", "days": 0.2, "played_ms": 30_000},
        {"event_type": "listen", "track_id": "shown", "days": 1.0, "played_ms": 60_500},
        {"event_type": "listen", "track_id": "shown", "days": 2.0, "played_ms": None},
        {"event_type": "listen", "track_id": "shown", "days": 3.0, "played_ms": 5_000, "is_bot": True},
        {"event_type": "listen", "track_id": "elsewhere", "days": 1.0, "played_ms": 90_000},
    ]
    events = [
        {"user_id": "a", "is_bot": False, **row, "timestamp": SHOWN + timedelta(days=row["days"])}
        for row in rows
    ]
    texts = ("user_id", "track_id", "event_type", "experiment")
    fields = [
        *((name, pa.string()) for name in texts),
        ("is_bot", pa.bool_()),
        ("played_ms", pa.int64()),
        SCHEMA.field("timestamp"),
    ]
    table = pa.Table.from_pylist(events, pa.schema(fields))
    for experiment, seconds in (("flow", 90.5), (None, 0.0)):
        dwelt = with_dwell(ibis.memtable(USERS), ibis.memtable(table), experiment)
        told = {row["user_id"]: row for row in ibis.duckdb.connect().to_pyarrow(dwelt).to_pylist()}
        assert (told["a"]["dwell_seconds"], told["b"]["dwell_seconds"]) == (seconds, 0.0)
        assert told["a"]["dwell_seconds_before"] == 0.0
