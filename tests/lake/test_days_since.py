"""Days since the first exposure, picks of interleaved slates and places of shown ones, counted by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.days_since import days_since, picks_played
from crossfade.lake.shown_places import shown_places

SHOWN = datetime(2026, 3, 9, tzinfo=UTC)
USERS = pa.table({"user_id": ["a"], "first_shown": pa.array([SHOWN], pa.timestamp("us", "UTC"))})
TEXTS = ("user_id", "track_id", "event_type", "slate_id", "surface", "experiment", "variant", "session_id")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in TEXTS),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("position", pa.int32()),
        ("propensity", pa.float64()),
        ("played_ms", pa.int64()),
        ("strength", pa.float32()),
        ("is_bot", pa.bool_()),
    ]
)


def _event(kind: str, track: str, days: float, **told: Any) -> dict[str, Any]:
    told = {"user_id": "a", "is_bot": False, **told}
    return {"event_type": kind, "track_id": track, "timestamp": SHOWN + timedelta(days=days), **told}


def _shown(track: str, position: int, days: float = 0.0, **told: Any) -> dict[str, Any]:
    told = {"slate_id": "s", "surface": "radio", "propensity": 0.5, "position": position, **told}
    return _event("exposure", track, days, **told)


def _play(track: str, days: float, **told: Any) -> dict[str, Any]:
    return _event("listen", track, days, **{"strength": 1.0, "played_ms": 60_000, "session_id": "x", **told})


def _rows(expression: ir.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ibis.duckdb.connect().to_pyarrow(expression).to_pylist()
    return sorted(
        rows, key=lambda row: [str(row.get(name)) for name in ("user_id", "variant", "day", "track_id")]
    )


def _tables(events: list[dict[str, Any]]) -> tuple[ir.Table, ir.Table]:
    """All events, and those that are listening; both in one shape."""
    acts = [event for event in events if event["event_type"] != "exposure"]
    return tuple(ibis.memtable(pa.Table.from_pylist(rows, SCHEMA)) for rows in (events, acts))  # type: ignore[return-value]


def test_days_count_from_the_first_exposure() -> None:
    events, acts = _tables(
        [
            _shown("t", 0, experiment="flow"),
            _play("t", -0.5),  # before: no day
            _play("t", 0.0),
            _play("u", 0.99, strength=-0.5, played_ms=2_000),
            _event("save", "u", 1.0),
            _play("u", 1.5, session_id="y"),  # saved before: no discovery
            _play("t", 2.0),
        ]
    )
    found = _rows(days_since(ibis.memtable(USERS), acts, events, "flow"))
    names = ("day", "plays", "positives", "skips", "saves", "discovered", "sessions", "dwell_seconds")
    assert [[row[name] for name in names] for row in found] == [
        [0, 2, 1, 1, 0, 2, 1, 60.0],  # only t was shown
        [1, 1, 1, 0, 1, 0, 1, 0.0],
        [2, 1, 1, 0, 0, 1, 1, 60.0],
    ]


def test_a_play_counts_for_whose_pick_it_was() -> None:
    mixed = {"experiment": "flow"}
    events, acts = _tables(
        [
            _shown("t", 0, variant="control", **mixed),
            _shown("u", 1, variant="flow", **mixed),
            _shown("v", 2, variant="flow", **mixed),
            _shown("w", 0, variant="control", slate_id="plain", **mixed),  # no variant beside it
            _play("t", -1),
            _play("u", 1),
            _play("v", 2),
            _play("v", 3, strength=-1.0),
            _play("w", 1),
        ]
    )
    found = [(row["variant"], row["plays"]) for row in _rows(picks_played(events, acts, "flow"))]
    assert found == [("control", 0), ("flow", 2)]


def test_places_are_wanted_where_they_are_played_soon() -> None:
    events, acts = _tables(
        [
            _shown("t", 0),
            _shown("t", 0, days=1),  # the same slate again
            _shown("u", 1, propensity=1.0),
            _shown("v", 2),
            _shown("w", 3),
            _shown("x", 0, slate_id="treated", variant="flow"),
            _shown("y", 0, slate_id="control", variant="control"),
            _shown("z", 0, slate_id="other", surface="home"),
            _shown("z", 0, slate_id="bot", is_bot=True),
            _shown("z", 0, slate_id="early", days=-9),
            _shown("z", 0, slate_id="unknown", propensity=None),
            _play("t", 0.5),
            _play("u", 8),
            _play("v", 1, strength=-1.0),
            _play("w", -0.1),
            _play("y", 6.9),
        ]
    )
    week = timedelta(days=7)
    asked = shown_places(events, acts, "radio", variants=("control",), since=SHOWN - week, within=week)
    found = {row["track_id"]: (row["position"], row["propensity"], row["wanted"]) for row in _rows(asked)}
    assert found == {
        "t": (0, 0.5, 1.0),
        "u": (1, 1.0, 0.0),
        "v": (2, 0.5, 0.0),
        "w": (3, 0.5, 0.0),
        "y": (0, 0.5, 1.0),
    }
    assert _rows(asked)[0]["shown"] == SHOWN
