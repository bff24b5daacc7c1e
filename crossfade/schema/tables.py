"""The canonical tables: columns, types and which of them a minimal import needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from crossfade.schema import columns as c

SCHEMA_VERSION: Final = 1
TIMESTAMP_TYPE: Final = pa.timestamp("us", tz="UTC")
STRINGS: Final = pa.list_(pa.string())


class EventType(StrEnum):
    """What happened; one event is one line."""

    LISTEN = "listen"
    SAVE = "save"
    LIKE = "like"
    DISLIKE = "dislike"
    ADD_TO_PLAYLIST = "add_to_playlist"
    FOLLOW = "follow"
    EXPOSURE = "exposure"


class Surface(StrEnum):
    """Where recommendations appear."""

    DISCOVER_WEEKLY = "discover_weekly"
    RADIO = "radio"
    RELEASE_RADAR = "release_radar"
    HOME = "home"


@dataclass(frozen=True)
class Table:
    """One canonical table: its name, typed columns, required columns and accepted other spellings."""

    name: str
    schema: pa.Schema
    required: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


# An exposure is one line for each track of the slate; its lines share the slate id.
EVENTS: Final = Table(
    "events",
    pa.schema(
        [
            (c.EVENT_ID, pa.string()),
            (c.EVENT_TYPE, pa.string()),
            (c.USER_ID, pa.string()),
            (c.TRACK_ID, pa.string()),
            (c.ARTIST_ID, pa.string()),
            (c.TIMESTAMP, TIMESTAMP_TYPE),
            (c.PLAYED_MS, pa.int64()),
            (c.PLAYED_SHARE, pa.float64()),
            (c.SESSION_ID, pa.string()),
            (c.COUNTRY, pa.string()),
            (c.DEVICE, pa.string()),
            (c.SHUFFLE, pa.bool_()),
            (c.CONTEXT, pa.string()),
            (c.SURFACE, pa.string()),
            (c.SLATE_ID, pa.string()),
            (c.POSITION, pa.int32()),
            (c.PROPENSITY, pa.float64()),
            (c.EXPERIMENT, pa.string()),
            (c.VARIANT, pa.string()),
            (c.ORIGIN, pa.string()),
        ]
    ),
    (c.USER_ID, c.TRACK_ID),
)

TRACKS: Final = Table(
    "tracks",
    pa.schema(
        [
            (c.TRACK_ID, pa.string()),
            (c.TITLE, pa.string()),
            (c.ARTIST_IDS, STRINGS),
            (c.ARTIST_NAME, pa.string()),
            (c.ALBUM_ID, pa.string()),
            (c.RELEASE_DATE, pa.date32()),
            (c.GENRES, STRINGS),
            (c.DURATION_MS, pa.int64()),
            (c.EXPLICIT, pa.bool_()),
            (c.AVAILABLE, pa.bool_()),
            *((name, pa.float64()) for name in c.AUDIO_FEATURES),
            (c.AUDIO_VECTOR, pa.list_(pa.float32())),
        ]
    ),
    (c.TRACK_ID,),
    MappingProxyType(
        {c.ARTIST_ID: c.ARTIST_IDS, "artists": c.ARTIST_IDS, "tags": c.GENRES, "genre": c.GENRES}
    ),
)

ARTISTS: Final = Table(
    "artists",
    pa.schema(
        [(c.ARTIST_ID, pa.string()), (c.NAME, pa.string()), (c.GENRES, STRINGS), (c.COUNTRY, pa.string())]
    ),
    (c.ARTIST_ID,),
)

PLAYLISTS: Final = Table(
    "playlists",
    pa.schema(
        [
            (c.PLAYLIST_ID, pa.string()),
            (c.TITLE, pa.string()),
            (c.USER_ID, pa.string()),
            (c.TRACK_IDS, STRINGS),
            (c.TIMESTAMP, TIMESTAMP_TYPE),
        ]
    ),
    (c.PLAYLIST_ID, c.TRACK_IDS),
)

USERS: Final = Table(
    "users",
    pa.schema(
        [
            (c.USER_ID, pa.string()),
            (c.COUNTRY, pa.string()),
            (c.BIRTH_YEAR, pa.int32()),
            (c.EXPLICIT_ALLOWED, pa.bool_()),
        ]
    ),
    (c.USER_ID,),
)

TABLES: Final = MappingProxyType({table.name: table for table in (EVENTS, TRACKS, ARTISTS, PLAYLISTS, USERS)})
