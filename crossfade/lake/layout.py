"""Schemas of the lake's tables: the canonical ones with what each layer adds."""

from types import MappingProxyType
from typing import Final

import pyarrow as pa

from crossfade.schema import columns as c
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TIMESTAMP_TYPE, TRACKS, USERS, Table

QUARANTINE_SCHEMA: Final = pa.schema(
    [
        (c.SOURCE, pa.string()),
        (c.SOURCE_FILE, pa.string()),
        (c.SOURCE_ROW, pa.int64()),
        (c.REASON, pa.string()),
        (c.RAW, pa.string()),
        (c.IMPORTED_AT, TIMESTAMP_TYPE),
    ]
)


def _with(schema: pa.Schema, *more: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([*schema, *(pa.field(name, kind) for name, kind in more)])


def bronze_schema(table: Table) -> pa.Schema:
    """Return the canonical columns and where each row came from: source, file, row (from 1) and when."""
    return pa.schema(
        [*table.schema, *(field for field in QUARANTINE_SCHEMA if field.name not in (c.REASON, c.RAW))]
    )


_DAY_COUNTS: Final = tuple(
    (name, pa.int64()) for name in ("listens", "listeners", "positives", "early_skips", "saves")
)

SILVER_SCHEMAS: Final = MappingProxyType(
    {
        EVENTS.name: _with(EVENTS.schema, (c.SESSION_POSITION, pa.int32()), (c.IS_BOT, pa.bool_())),
        TRACKS.name: _with(TRACKS.schema, (c.ARTIST_ID, pa.string())),
        ARTISTS.name: ARTISTS.schema,
        PLAYLISTS.name: PLAYLISTS.schema,
        USERS.name: USERS.schema,
    }
)

INTERACTIONS: Final = "interactions"
TRACK_DAYS: Final = "track_days"
ARTIST_DAYS: Final = "artist_days"
USER_PROFILES: Final = "user_profiles"
CATALOGUE: Final = "catalogue"

GOLD_SCHEMAS: Final = MappingProxyType(
    {
        INTERACTIONS: pa.schema(
            [
                (c.USER_ID, pa.string()),
                (c.TRACK_ID, pa.string()),
                (c.TIMESTAMP, TIMESTAMP_TYPE),
                (c.STRENGTH, pa.float32()),
                (c.SESSION_ID, pa.string()),
                (c.EVENT_TYPE, pa.string()),
                (c.DEVICE, pa.string()),
                (c.SHUFFLE, pa.bool_()),
                (c.CONTEXT, pa.string()),
            ]
        ),
        TRACK_DAYS: pa.schema([(c.TRACK_ID, pa.string()), (c.DAY, pa.date32()), *_DAY_COUNTS]),
        ARTIST_DAYS: pa.schema([(c.ARTIST_ID, pa.string()), (c.DAY, pa.date32()), *_DAY_COUNTS]),
        USER_PROFILES: _with(
            USERS.schema,
            ("num_listens", pa.int64()),
            ("num_tracks", pa.int64()),
            ("first_listen", TIMESTAMP_TYPE),
            ("last_listen", TIMESTAMP_TYPE),
            ("skip_share", pa.float64()),
            ("num_saves", pa.int64()),
        ),
        CATALOGUE: _with(TRACKS.schema, (c.ARTIST_ID, pa.string())),
    }
)
