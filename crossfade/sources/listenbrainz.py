"""Reader of ListenBrainz listens: JSON Lines, as the public data dumps hold them and as users export their own.

A line is one listen with `user_id` or `user_name`, `timestamp` or `listened_at` in seconds, and `track_metadata`. What players
send differs: MusicBrainz ids are often missing, and lengths come as numbers or text, in milliseconds or seconds, or as 0.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema import columns as c
from crossfade.schema.tables import ARTISTS, EVENTS, STRINGS, TIMESTAMP_TYPE, TRACKS
from crossfade.sources.casts import cast
from crossfade.sources.chunks import Chunk
from crossfade.sources.derived import above_zero, distinct_chunk, first_of
from crossfade.sources.json_lines import Objects, objects
from crossfade.sources.json_values import Field
from crossfade.sources.text import name_ids, null_if_blank, without_controls

_META: Final = "track_metadata"
_SENT: Final = (_META, "additional_info")  # by the player
_MAPPED: Final = (_META, "mbid_mapping")  # by ListenBrainz; better where both are there
MILLISECONDS: Final = 1000

FIELDS: Final = {
    "user_id": Field(("user_id",), pa.string()),
    "user_name": Field(("user_name",), pa.string()),
    "timestamp": Field(("timestamp",), TIMESTAMP_TYPE),
    "listened_at": Field(("listened_at",), TIMESTAMP_TYPE),
    "recording_msid": Field(("recording_msid",), pa.string()),
    "artist_name": Field((_META, "artist_name"), pa.string()),
    "track_name": Field((_META, "track_name"), pa.string()),
    "release_name": Field((_META, "release_name"), pa.string()),
    "sent_recording": Field((*_SENT, "recording_mbid"), pa.string()),
    "sent_artists": Field((*_SENT, "artist_mbids"), STRINGS),
    "sent_release": Field((*_SENT, "release_mbid"), pa.string()),
    "duration_ms": Field((*_SENT, "duration_ms"), pa.int64()),
    "duration": Field((*_SENT, "duration"), pa.float64()),
    "mapped_recording": Field((*_MAPPED, "recording_mbid"), pa.string()),
    "mapped_artists": Field((*_MAPPED, "artist_mbids"), STRINGS),
    "mapped_release": Field((*_MAPPED, "release_mbid"), pa.string()),
}


def read_listenbrainz(path: Path) -> Iterator[Chunk]:
    """Read listens into events, and the tracks and artists that they name.

    Where MusicBrainz ids are missing, ids are made from the names (`name_ids`).

    Raises:
        InputError: The file cannot be read to its end.
    """
    for part in objects(path, FIELDS):
        yield from _chunks(part)


def _chunks(part: Objects) -> Iterator[Chunk]:
    found = {name: _readable(part.columns.column(name), wanted.kind) for name, wanted in FIELDS.items()}
    artist_name, title = _name(found["artist_name"]), _name(found["track_name"])
    track = pc.coalesce(
        found["mapped_recording"],
        found["sent_recording"],
        name_ids(artist_name, title),
        found["recording_msid"],
    )
    artists = _artists(found, name_ids(artist_name))
    listens = {
        c.USER_ID: pc.coalesce(found["user_id"], found["user_name"]),
        c.TIMESTAMP: pc.coalesce(
            _text(part.columns.column("timestamp")), _text(part.columns.column("listened_at"))
        ),
        c.TRACK_ID: track,
        c.ARTIST_ID: first_of(artists),
    }
    yield Chunk(
        EVENTS,
        pa.table(listens),
        part.source_rows,
        raw=part.raw,
        refused=part.refused,
        repaired=part.repaired,
    )
    yield from _catalogue(found, track, artists, part.source_rows)


def _catalogue(
    found: dict[str, pa.Array], track: pa.Array, artists: pa.Array, source_rows: pa.Array
) -> Iterator[Chunk]:
    artist_name, title, release = (
        _name(found[name]) for name in ("artist_name", "track_name", "release_name")
    )
    seconds = pc.multiply(found["duration"], MILLISECONDS)
    about = {
        c.TRACK_ID: track,
        c.TITLE: title,
        c.ARTIST_IDS: artists,
        c.ARTIST_NAME: artist_name,
        c.ALBUM_ID: pc.coalesce(
            found["mapped_release"], found["sent_release"], name_ids(artist_name, release)
        ),
        c.DURATION_MS: pc.coalesce(
            above_zero(found["duration_ms"]), above_zero(cast(seconds, pa.int64())[0])
        ),
    }
    yield distinct_chunk(TRACKS, about, source_rows)
    # A credit such as "A feat. B" is no artist's name.
    alone = pc.equal(pc.list_value_length(artists), 1)
    single = {c.ARTIST_ID: first_of(artists).filter(alone), c.NAME: artist_name.filter(alone)}
    yield distinct_chunk(ARTISTS, single, source_rows.filter(alone))


def _readable(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """Cast what can be read; an unreadable length or id of one player is as good as none."""
    whole = column.combine_chunks()
    if pa.types.is_floating(whole.type) and pa.types.is_string(kind):
        return whole.cast(kind)
    return cast(whole, kind)[0]


def _text(column: pa.ChunkedArray) -> pa.Array:
    return null_if_blank(column.combine_chunks().cast(pa.string()))


def _name(values: pa.Array) -> pa.Array:
    return null_if_blank(without_controls(values))


def _artists(found: dict[str, pa.Array], named: pa.Array) -> pa.Array:
    one = cast(named, STRINGS)[0]
    given = [
        pc.if_else(pc.greater(pc.list_value_length(found[name]), 0), found[name], None)
        for name in _ARTIST_FIELDS
    ]
    return pc.coalesce(*given, one)


_ARTIST_FIELDS: Final = ("mapped_artists", "sent_artists")
