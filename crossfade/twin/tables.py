"""A twin's columns as Arrow tables in the canonical schema, with ids in row order."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema import columns as c
from crossfade.schema.tables import ARTISTS, EVENTS, TIMESTAMP_TYPE, TRACKS, USERS
from crossfade.twin.audience import Audience
from crossfade.twin.countries import COUNTRIES
from crossfade.twin.genres import FAMILIES, SUBGENRES
from crossfade.twin.logbook import DAY_MS, Log
from crossfade.twin.music import NEVER, Music
from crossfade.twin.names import track_titles
from crossfade.twin.reactions import EVENT_TYPES
from crossfade.twin.situations import CONTEXTS, DEVICES
from crossfade.twin.spec import TwinSpec

_FAMILY_NAMES: Final = tuple(family.name for family in FAMILIES)
_Rows = npt.NDArray[np.integer[Any]]


def ids(prefix: str, count: int) -> pa.Array:
    """Return `count` ids whose alphabetical order is their row order."""
    numbers = pc.utf8_lpad(pa.array(np.arange(count)).cast(pa.string()), len(str(max(count - 1, 0))), "0")
    return pc.binary_join_element_wise(prefix, numbers, "")


def named(names: pa.Array | tuple[str, ...], rows: _Rows) -> pa.Array:
    """Return the names at rows; null where a row is negative."""
    source = names if isinstance(names, pa.Array) else pa.array(names)
    return source.take(pa.array(rows, mask=np.asarray(rows) < 0))


def lists(names: pa.Array | tuple[str, ...], padded: _Rows) -> pa.Array:
    """Return [n] lists of names from [n, k] rows, negative ones left out."""
    kept = padded >= 0
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), named(names, padded[kept]))


def timestamps(spec: TwinSpec, times_ms: npt.NDArray[np.int64]) -> pa.Array:
    """Return UTC timestamps of milliseconds since the window's start."""
    return pa.array((spec.start_day * DAY_MS + times_ms) * 1000).cast(pa.timestamp("us")).cast(TIMESTAMP_TYPE)


def canonical(schema: pa.Schema, columns: dict[str, Any], num_rows: int) -> pa.Table:
    """Order and cast columns to the schema; those that the twin does not know are null."""
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def events_table(spec: TwinSpec, music: Music, log: Log, prefix: str = "event-") -> pa.Table:
    """Return the events, in order of time; their ids begin with the prefix."""
    artists = music.artist_rows[log.tracks]
    is_listen = log.played_ms >= 0
    duration = music.sound.durations_ms[log.tracks]
    columns = {
        c.EVENT_ID: ids(prefix, len(log)),
        c.EVENT_TYPE: named(tuple(map(str, EVENT_TYPES)), log.event_types),
        c.USER_ID: named(ids("user-", spec.num_accounts), log.users),
        c.TRACK_ID: named(ids("track-", spec.num_tracks), log.tracks),
        c.ARTIST_ID: named(ids("artist-", spec.artists), artists),
        c.TIMESTAMP: timestamps(spec, log.times_ms),
        c.PLAYED_MS: pa.array(log.played_ms, mask=~is_listen),
        c.PLAYED_SHARE: pa.array(log.played_ms / duration, mask=~is_listen),
        c.SESSION_ID: named(ids("session-", int(log.sessions.max(initial=0)) + 1), log.sessions),
        c.COUNTRY: named(_codes(), log.countries),
        c.DEVICE: named(DEVICES, log.devices),
        c.SHUFFLE: pa.array(log.shuffle),
        c.CONTEXT: named(tuple(context.name for context in CONTEXTS), log.contexts),
    }
    return canonical(EVENTS.schema, columns, len(log))


def tracks_table(spec: TwinSpec, music: Music, names: pa.Array, rng: np.random.Generator) -> pa.Table:
    """Return the catalogue; a track that was withdrawn during the window is no longer available.

    Args:
        spec: Sizes.
        music: The catalogue's columns.
        names: [num_artists] artists' names.
        rng: Source of randomness for titles.
    """
    makers = np.stack([music.artist_rows, music.featured], axis=1)
    guests = pc.binary_join_element_wise(" (feat. ", named(names, music.featured), ")", "")
    titles = pc.binary_join_element_wise(track_titles(music.sound.tones, rng), pc.fill_null(guests, ""), "")
    columns = {
        c.TRACK_ID: ids("track-", spec.num_tracks),
        c.TITLE: titles,
        c.ARTIST_IDS: lists(ids("artist-", spec.artists), makers),
        c.ARTIST_NAME: named(names, music.artist_rows),
        c.ALBUM_ID: named(ids("album-", len(music.releases.days)), music.release_rows),
        c.RELEASE_DATE: pa.array(music.release_days + np.int32(spec.start_day)),
        c.GENRES: lists((*SUBGENRES, *_FAMILY_NAMES), _genres(music)[music.artist_rows]),
        c.DURATION_MS: pa.array(music.sound.durations_ms),
        c.EXPLICIT: pa.array(music.explicit),
        c.AVAILABLE: pa.array(music.withdrawn_days == NEVER),
        **{name: pa.array(music.sound.features[:, place]) for place, name in enumerate(c.AUDIO_FEATURES)},
        c.AUDIO_VECTOR: pa.FixedSizeListArray.from_arrays(
            music.sound.vectors.ravel(), music.sound.vectors.shape[1]
        ),
    }
    return canonical(TRACKS.schema, columns, spec.num_tracks)


def artists_table(spec: TwinSpec, music: Music, names: pa.Array) -> pa.Table:
    """Return the artists."""
    columns = {
        c.ARTIST_ID: ids("artist-", spec.artists),
        c.NAME: names,
        c.GENRES: lists((*SUBGENRES, *_FAMILY_NAMES), _genres(music)),
        c.COUNTRY: named(_codes(), music.artists.countries),
    }
    return canonical(ARTISTS.schema, columns, spec.artists)


def users_table(spec: TwinSpec, audience: Audience) -> pa.Table:
    """Return the users."""
    columns = {
        c.USER_ID: ids("user-", spec.num_accounts),
        c.COUNTRY: named(_codes(), audience.countries),
        c.BIRTH_YEAR: pa.array(audience.birth_years),
        c.EXPLICIT_ALLOWED: pa.array(audience.explicit_allowed),
    }
    return canonical(USERS.schema, columns, spec.num_accounts)


def _codes() -> tuple[str, ...]:
    return tuple(country.code for country in COUNTRIES)


def _genres(music: Music) -> _Rows:
    """Return [num_artists, 3]: subgenre, second subgenre or -1, family."""
    return np.concatenate([music.artists.subgenres, len(SUBGENRES) + music.artists.families[:, None]], axis=1)
