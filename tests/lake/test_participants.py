"""What users did around their first exposure, counted by hand on a few events of DuckDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa

from crossfade.lake.participants import behaviour

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
