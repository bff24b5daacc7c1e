"""What every canonical column means, and what is switched off without it; `docs/data.md` shows the same."""

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final, NamedTuple

from crossfade.schema import columns as c
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TABLES, TRACKS, USERS


class Guide(NamedTuple):
    """A column's meaning with its unit, and what is lost without it; a required one says nothing there."""

    meaning: str
    without: str = ""


_KEPT: Final = "nothing yet: kept for off-policy estimates and experiments"
_UNUSED: Final = "nothing yet"

_EVENTS: Final = {
    c.EVENT_ID: Guide("the event's own id", "a digest of the row takes its place (see Event ids)"),
    c.EVENT_TYPE: Guide(
        "listen, save, like, dislike, add_to_playlist, follow or exposure", "every event is a listen"
    ),
    c.USER_ID: Guide("who"),
    c.TRACK_ID: Guide("what; a follow may name an artist_id instead"),
    c.ARTIST_ID: Guide("the track's artist", "tracks that no catalogue describes have no artist"),
    c.TIMESTAMP: Guide(
        "when it began: ISO 8601 (UTC where it names no zone), or seconds, ms or us since 1970",
        "no time split, no recency, no release dates: held-out listens are drawn at random",
    ),
    c.PLAYED_MS: Guide(
        "how long it was played, ms", "played_share decides what was a skip; without both nothing was"
    ),
    c.PLAYED_SHARE: Guide(
        "which share of the track was played, 0 to 1",
        "played_ms decides what was a skip; without both nothing was",
    ),
    c.SESSION_ID: Guide(
        "the session that it belongs to", "a pause of lake.session_gap_minutes starts a new session"
    ),
    c.COUNTRY: Guide("where, for example an ISO 3166 code", "no popularity by country, unless users tell it"),
    c.DEVICE: Guide("on what, for example phone or speaker", "the two-tower does not know the device"),
    c.SHUFFLE: Guide("whether the order was random", "the two-tower does not know it"),
    c.CONTEXT: Guide(
        "from where it was played, for example playlist, album or radio",
        "the two-tower does not know the context",
    ),
    c.SURFACE: Guide("of an exposure: discover_weekly, radio, release_radar or home", _KEPT),
    c.SLATE_ID: Guide("of an exposure: the slate that was shown; its lines share it", _KEPT),
    c.POSITION: Guide("of an exposure: place in the slate, from 0", _KEPT),
    c.PROPENSITY: Guide("of an exposure: probability with which it was shown, 0 to 1", _KEPT),
    c.EXPERIMENT: Guide("the experiment that it was part of", _KEPT),
    c.VARIANT: Guide("the experiment's variant", _KEPT),
    c.ORIGIN: Guide(
        "of an exposure: digest of the bundle that answered, or name of the generation that the slate was read from",
        "lineage of a slate names the champion of its moment",
    ),
}

_AUDIO: Final = {
    "tempo_bpm": "tempo, beats per minute",
    "energy": "loud and fast, 0 to 1",
    "loudness_db": "loudness, dB",
    "valence": "cheerful, 0 to 1",
    "danceability": "easy to dance to, 0 to 1",
    "acousticness": "acoustic, 0 to 1",
    "instrumentalness": "without voice, 0 to 1",
}

_TRACKS: Final = {
    c.TRACK_ID: Guide("the track"),
    c.TITLE: Guide("its title", "playlists show ids, and its words say nothing of it"),
    c.ARTIST_IDS: Guide(
        "its artists, the main one first; also read from artist_id or artists",
        "no artist features, caps or reasons, unless events name the artist",
    ),
    c.ARTIST_NAME: Guide("the main artist's name", "the artists table is asked, else playlists show ids"),
    c.ALBUM_ID: Guide("its album", "no cap per album"),
    c.RELEASE_DATE: Guide(
        "when it came out; a year or month means its first day", "no age of tracks, no new releases"
    ),
    c.GENRES: Guide(
        "genres or tags, most typical first; also read from tags or genre",
        "no genre affinity and no calibrated mix",
    ),
    c.DURATION_MS: Guide("length, ms", "a played_share cannot be turned into time"),
    c.EXPLICIT: Guide("whether its words are explicit", "no explicit filter"),
    c.AVAILABLE: Guide("whether it may be recommended", "every track is available"),
    **{name: Guide(meaning, "new tracks are known by less") for name, meaning in _AUDIO.items()},
    c.AUDIO_VECTOR: Guide(
        "an embedding of its sound, of one length for all tracks", "new tracks are known by less"
    ),
}

_ARTISTS: Final = {
    c.ARTIST_ID: Guide("the artist"),
    c.NAME: Guide("its name", "tracks' own artist_name is shown"),
    c.GENRES: Guide("its genres", "nothing: genres are read from tracks"),
    c.COUNTRY: Guide("where it is from", _UNUSED),
}

_PLAYLISTS: Final = {
    c.PLAYLIST_ID: Guide("the playlist"),
    c.TITLE: Guide("its title", "its words say nothing of its tracks"),
    c.USER_ID: Guide("whose it is", _UNUSED),
    c.TRACK_IDS: Guide("its tracks in order"),
    c.TIMESTAMP: Guide("when it was last changed", _UNUSED),
}

_USERS: Final = {
    c.USER_ID: Guide("the user"),
    c.COUNTRY: Guide("where, for example an ISO 3166 code", "the country of the user's first event is taken"),
    c.BIRTH_YEAR: Guide("year of birth", "the two-tower does not know the age"),
    c.EXPLICIT_ALLOWED: Guide("whether explicit tracks may be recommended", "they may"),
}

GUIDES: Final = MappingProxyType(
    {
        EVENTS.name: _EVENTS,
        TRACKS.name: _TRACKS,
        ARTISTS.name: _ARTISTS,
        PLAYLISTS.name: _PLAYLISTS,
        USERS.name: _USERS,
    }
)
# Told at every import; of the others the guide tells on request, since most data lacks them.
_TOLD: Final = (
    c.TIMESTAMP,
    c.PLAYED_MS,
    c.PLAYED_SHARE,
    c.SESSION_ID,
    c.TITLE,
    c.ARTIST_IDS,
    c.RELEASE_DATE,
    c.GENRES,
)


def switched_off(table: str, columns: Iterable[str]) -> Iterator[str]:
    """Say, one sentence each, what the lack of columns switches off.

    Args:
        table: A canonical table.
        columns: The canonical columns that are there.
    """
    there = set(columns)
    lengths = {c.PLAYED_MS, c.PLAYED_SHARE}
    for name in TABLES[table].schema.names:
        if name in there or name not in _TOLD or (name in lengths and lengths & there):
            continue
        yield f"{table} have no {name}: {GUIDES[table][name].without}."
