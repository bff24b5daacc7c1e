"""All kinds of file that can be imported, by the name that the command line uses."""

from types import MappingProxyType
from typing import Final

from crossfade.schema.errors import InputError
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TRACKS, USERS
from crossfade.sources.canonical import reader
from crossfade.sources.chunks import Source
from crossfade.sources.files import CANONICAL_ENDINGS
from crossfade.sources.lastfm import COLLECTED_UNTIL, read_lastfm_1k
from crossfade.sources.listenbrainz import read_listenbrainz
from crossfade.sources.mpd import read_mpd

_CANONICAL: Final = {
    "events": (EVENTS, "what listeners did, one line per event"),
    "catalogue": (TRACKS, "tracks"),
    "artists": (ARTISTS, "artists"),
    "playlists": (PLAYLISTS, "playlists with titles"),
    "users": (USERS, "what is known of users"),
}

SOURCES: Final = MappingProxyType(
    {
        source.name: source
        for source in (
            *(
                Source(
                    name,
                    f"{summary} (Parquet, CSV or JSON Lines)",
                    (table,),
                    reader(table),
                    CANONICAL_ENDINGS,
                )
                for name, (table, summary) in _CANONICAL.items()
            ),
            Source(
                "lastfm-1k",
                "listens or profiles of Last.fm-1K (TSV)",
                (EVENTS, TRACKS, ARTISTS, USERS),
                read_lastfm_1k,
                (".tsv", ".tsv.gz"),
                COLLECTED_UNTIL,
            ),
            Source(
                "listenbrainz",
                "listens of a ListenBrainz dump (JSON Lines)",
                (EVENTS, TRACKS, ARTISTS),
                read_listenbrainz,
                (".jsonl", ".jsonl.gz", ".listens", ".listens.gz"),
            ),
            Source(
                "mpd",
                "slices of the Million Playlist Dataset (JSON)",
                (PLAYLISTS, TRACKS, ARTISTS),
                read_mpd,
                (".json", ".json.gz"),
            ),
        )
    }
)


def source_named(name: str) -> Source:
    """Return a source by name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in SOURCES:
        raise InputError(f"There is no source {name}; known are {', '.join(SOURCES)}.")
    return SOURCES[name]
