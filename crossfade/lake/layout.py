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
    """Return the canonical columns and where each row came from: source, file, row (from 1; a stream's offset) and when.

    Events have `extras` too. Rows that were written before there was such a column have none.
    """
    about = [field for field in QUARANTINE_SCHEMA if field.name not in (c.REASON, c.RAW)]
    extras = [pa.field(c.EXTRAS, pa.string())] if table is EVENTS else []
    return pa.schema([*table.schema, *about, *extras])


_DAY_COUNTS: Final = tuple(
    (name, pa.int64()) for name in ("listens", "listeners", "positives", "early_skips", "saves")
)

# What is held against accounts, by hour and place (or whole), and what people decided on them.
BOTS: Final = "bots"
BOT_LISTS: Final = "bot_lists"
BOTS_SCHEMA: Final = pa.schema(
    [
        (c.USER_ID, pa.string()),
        (c.HOUR, TIMESTAMP_TYPE),
        (c.SESSION_ID, pa.string()),
        (c.DEVICE, pa.string()),
        (c.COUNTRY, pa.string()),
        (c.RULE, pa.string()),
        (c.MEASURE, pa.float64()),
        (c.LISTENS, pa.int64()),
        (c.IS_FLAGGED, pa.bool_()),
    ]
)
# What accounts play by hour and place: all that most rules look at.
BOT_HOURS: Final = "bot_hours"
BOT_HOURS_SCHEMA: Final = pa.schema(
    [
        *(BOTS_SCHEMA.field(name) for name in (c.USER_ID, c.HOUR, c.SESSION_ID, c.DEVICE, c.COUNTRY)),
        (c.DAY, pa.date32()),
        *((name, pa.int64()) for name in (c.LISTENS, "timed", "just_over", "cut", "jumps", "travels")),
    ]
)
# The same by account, day and spot (country, or device where none is known): what rules that look across days read.
BOT_DAYS: Final = "bot_days"
BOT_DAYS_SCHEMA: Final = pa.schema(
    [
        (c.USER_ID, pa.string()),
        (c.DAY, pa.date32()),
        ("spot", pa.string()),
        ("is_country", pa.bool_()),
        *((name, pa.int64()) for name in (c.LISTENS, "timed", "just_over", "cut", "jumps", "travels")),
        ("first", TIMESTAMP_TYPE),
        ("last", TIMESTAMP_TYPE),
        ("active", pa.int64()),
    ]
)
# What events name, and how often: all that the catalogue takes from them.
HEARD_TRACKS: Final = "heard_tracks"
HEARD_TRACKS_SCHEMA: Final = pa.schema(
    [(c.TRACK_ID, pa.string()), (c.ARTIST_ID, pa.string()), ("num_events", pa.int64())]
)
BOT_LISTS_SCHEMA: Final = pa.schema(
    [(c.USER_ID, pa.string()), (c.LIST, pa.string()), (c.IMPORTED_AT, TIMESTAMP_TYPE)]
)

SILVER_SCHEMAS: Final = MappingProxyType(
    {
        EVENTS.name: _with(
            EVENTS.schema,
            (c.SESSION_POSITION, pa.int32()),
            (c.IS_BOT, pa.bool_()),
            (c.ARRIVED_AT, TIMESTAMP_TYPE),
        ),
        TRACKS.name: _with(TRACKS.schema, (c.ARTIST_ID, pa.string())),
        ARTISTS.name: ARTISTS.schema,
        PLAYLISTS.name: PLAYLISTS.schema,
        USERS.name: USERS.schema,
        BOTS: BOTS_SCHEMA,
        BOT_HOURS: BOT_HOURS_SCHEMA,
        BOT_DAYS: BOT_DAYS_SCHEMA,
        HEARD_TRACKS: HEARD_TRACKS_SCHEMA,
    }
)

INTERACTIONS: Final = "interactions"
TRACK_DAYS: Final = "track_days"
ARTIST_DAYS: Final = "artist_days"
USER_DAYS: Final = "user_days"
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
                (c.ARRIVED_AT, TIMESTAMP_TYPE),
            ]
        ),
        TRACK_DAYS: pa.schema([(c.TRACK_ID, pa.string()), (c.DAY, pa.date32()), *_DAY_COUNTS]),
        ARTIST_DAYS: pa.schema([(c.ARTIST_ID, pa.string()), (c.DAY, pa.date32()), *_DAY_COUNTS]),
        USER_DAYS: pa.schema(
            [
                (c.USER_ID, pa.string()),
                (c.DAY, pa.date32()),
                ("listens", pa.int64()),
                ("skips", pa.int64()),
                ("saves", pa.int64()),
                ("first_listen", TIMESTAMP_TYPE),
                ("last_listen", TIMESTAMP_TYPE),
                (c.COUNTRY, pa.string()),
            ]
        ),
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
