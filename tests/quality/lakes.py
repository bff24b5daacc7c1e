"""A small lake that holds what is expected, and the ways in which one does not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from crossfade.lake.lake import Lake
from crossfade.lake.layout import GOLD_SCHEMAS, QUARANTINE_SCHEMA, SILVER_SCHEMAS, bronze_schema
from crossfade.schema.tables import EVENTS, TRACKS

Rows = list[dict[str, Any]]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
NUM_EVENTS = 20


def events(number: int = NUM_EVENTS) -> Rows:
    return [
        {
            "event_id": f"e{place:03d}",
            "event_type": "listen",
            "user_id": f"u{place % 3}",
            "track_id": f"t{place % 4}",
            "timestamp": NOW - timedelta(hours=place),
            "played_ms": 40_000,
            "played_share": 0.5,
        }
        for place in range(number)
    ]


def good_tables() -> dict[str, Rows]:
    """Rows of every table; tests change them before they write them."""
    tracks: Rows = [
        {"track_id": f"t{place}", "artist_ids": ["a0"], "duration_ms": 180_000} for place in range(4)
    ]
    known = [track | {"artist_id": "a0"} for track in tracks]
    acts = [
        {name: event[name] for name in ("user_id", "track_id", "timestamp", "event_type")} | {"strength": 1.0}
        for event in events()
    ]
    return {
        "bronze/events": events(),
        "bronze/tracks": tracks,
        "silver/events": events(),
        "silver/tracks": known,
        "silver/artists": [{"artist_id": "a0", "name": "Band"}],
        "silver/playlists": [],
        "silver/bot_hours": [],
        "silver/bot_days": [],
        "silver/bots": [],
        "silver/heard_tracks": [],
        "silver/users": [{"user_id": "u0", "birth_year": 1990}],
        "gold/interactions": acts,
        "gold/catalogue": list(known),
    }


def schema(table: str) -> pa.Schema:
    layer, _, name = table.partition("/")
    if layer == "bronze":
        return bronze_schema({"events": EVENTS, "tracks": TRACKS}[name])
    if layer == "quarantine":
        return QUARANTINE_SCHEMA
    return (SILVER_SCHEMAS if layer == "silver" else GOLD_SCHEMAS)[name]


def lake_of(path: Path, tables: Mapping[str, Rows], without: Sequence[str] = ()) -> Lake:
    """Write tables as a lake; columns of silver events named in `without` are left out."""
    lake = Lake.create(path)
    for table, rows in tables.items():
        layer, _, name = table.partition("/")
        arrow = pa.Table.from_pylist(rows, schema=schema(table))
        lake.overwrite(layer, name, arrow.drop_columns(list(without)) if table == "silver/events" else arrow)
    return lake
