"""Reader of the Million Playlist Dataset: JSON slices of a thousand playlists (Chen et al., RecSys Challenge 2018)."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.tables import ARTISTS, PLAYLISTS, TRACKS
from crossfade.sources.chunks import Chunk
from crossfade.sources.derived import above_zero, distinct_chunk
from crossfade.sources.files import opened
from crossfade.sources.text import decoded

_NAMES: Final = ("artist_name", "track_uri", "artist_uri", "track_name", "album_uri")
_TRACK: Final = pa.struct([*((name, pa.string()) for name in _NAMES), ("duration_ms", pa.int64())])
_PLAYLIST: Final = pa.struct(
    [("pid", pa.int64()), ("name", pa.string()), ("modified_at", pa.int64()), ("tracks", pa.list_(_TRACK))]
)
SLICE: Final = pa.schema([("playlists", pa.list_(_PLAYLIST))])


def read_mpd(path: Path) -> Iterator[Chunk]:
    """Read a slice into playlists, and the tracks and artists that they name; ids are the Spotify URIs.

    Raises:
        InputError: The file is no slice, or cannot be read to its end.
    """
    with opened(path) as handle:
        text, repaired = decoded(pa.array([handle.read()], pa.binary()))
    playlists = _playlists(text, path)
    numbers = pa.array(np.arange(1, len(playlists) + 1))
    tracks = playlists.field("tracks")
    listed = tracks.flatten()
    lengths = pc.fill_null(pc.list_value_length(tracks), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    ids = pa.ListArray.from_arrays(offsets, listed.field("track_uri"), mask=pc.is_null(tracks))
    columns = {
        c.PLAYLIST_ID: playlists.field("pid"),
        c.TITLE: playlists.field("name"),
        c.TRACK_IDS: ids,
        c.TIMESTAMP: playlists.field("modified_at"),
    }
    yield Chunk(PLAYLISTS, pa.table(columns), numbers, repaired=repaired)
    owners = numbers.take(pa.array(np.repeat(np.arange(len(numbers)), lengths)))
    about = {
        c.TRACK_ID: listed.field("track_uri"),
        c.TITLE: listed.field("track_name"),
        c.ARTIST_IDS: listed.field("artist_uri"),
        c.ARTIST_NAME: listed.field("artist_name"),
        c.ALBUM_ID: listed.field("album_uri"),
        c.DURATION_MS: above_zero(listed.field("duration_ms")),
    }
    yield distinct_chunk(TRACKS, about, owners)
    artists = {c.ARTIST_ID: listed.field("artist_uri"), c.NAME: listed.field("artist_name")}
    yield distinct_chunk(ARTISTS, artists, owners)


def _playlists(text: pa.Array, path: Path) -> pa.Array:
    whole = text.buffers()[2]
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(whole),
            pyarrow.json.ReadOptions(use_threads=False, block_size=whole.size + 1),
            pyarrow.json.ParseOptions(
                explicit_schema=SLICE, newlines_in_values=True, unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path} is not a whole slice of the Million Playlist Dataset: {' '.join(str(error).split())}; download it again."
        ) from error
    playlists = table.column("playlists").combine_chunks().flatten()
    if not len(playlists):
        raise InputError(
            f'{path} is not a slice of the Million Playlist Dataset: it has no "playlists"; name its slice files.'
        )
    return playlists
