"""Reader of Last.fm-1K: listens as tab-separated lines (Celma 2010, "Music Recommendation and Discovery").

A line is `userid, timestamp, artist MusicBrainz id or nothing, artist name, track MusicBrainz id or nothing, track name`. Known
flaws: ids are missing for many tracks, some names break their line in two, some lines repeat, and some clocks were years ahead.
The data set's other file, of profiles, gives the users' countries.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema import columns as c
from crossfade.schema.tables import ARTISTS, EVENTS, TRACKS, USERS
from crossfade.sources.chunks import Chunk, lines_as_json, refusals
from crossfade.sources.derived import distinct_chunk
from crossfade.sources.files import line_blocks
from crossfade.sources.text import decoded, lines, name_ids, null_if_blank, without_controls

NUM_FIELDS: Final = 6
NUM_PROFILE_FIELDS: Final = 5
PROFILE_HEADER: Final = b"#id\t"
# Its readme says that listens were collected until 5 May 2009, its true listens end in June: what is later has a wrong clock.
COLLECTED_UNTIL: Final = 1_246_406_399  # 2009-06-30T23:59:59Z


def read_lastfm_1k(path: Path) -> Iterator[Chunk]:
    """Read `userid-timestamp-artid-artname-traid-traname.tsv` into events, and the tracks and artists that they name.

    Where a MusicBrainz id is missing, the id is made from the names (`name_ids`). `userid-profile.tsv` is read into users.

    Raises:
        InputError: The file cannot be read to its end.
    """
    first, is_profile = 1, False
    for block in line_blocks(path):
        texts, repaired = decoded(lines(block))
        numbers = pa.array(np.arange(first, first + len(texts)))
        first += len(texts)
        filled = pc.greater(pc.binary_length(texts), 0)
        is_profile = is_profile or block.startswith(PROFILE_HEADER)
        filled = pc.and_(filled, pc.invert(pc.starts_with(texts, PROFILE_HEADER.decode())))
        make = _profiles if is_profile else _listens
        yield from make(texts.filter(filled), numbers.filter(filled), repaired)


def _fields(texts: pa.Array, numbers: pa.Array, count: int) -> tuple[list[pa.Array], pa.Array, pa.Table]:
    """Cut lines into `count` columns; return them, which lines they are from, and the other lines as refused."""
    fields = pc.split_pattern(texts, "\t")
    whole = pc.equal(pc.list_value_length(fields), count)
    broken = pc.invert(whole)
    refused = refusals(
        numbers.filter(broken), f"line has another number of fields than {count}", texts.filter(broken)
    )
    fields = fields.filter(whole)
    return (
        [null_if_blank(without_controls(pc.list_element(fields, place))) for place in range(count)],
        whole,
        refused,
    )


def _profiles(texts: pa.Array, numbers: pa.Array, repaired: int) -> Iterator[Chunk]:
    (user, _, _, country, _), whole, refused = _fields(texts, numbers, NUM_PROFILE_FIELDS)
    rows = pa.table({c.USER_ID: user, c.COUNTRY: country})
    yield Chunk(USERS, rows, numbers.filter(whole), refused=refused, repaired=repaired)


def _listens(texts: pa.Array, numbers: pa.Array, repaired: int) -> Iterator[Chunk]:
    values, whole, refused = _fields(texts, numbers, NUM_FIELDS)
    user, timestamp, artist_mbid, artist_name, track_mbid, title = values
    texts, numbers = texts.filter(whole), numbers.filter(whole)
    track = pc.coalesce(track_mbid, name_ids(artist_name, title))
    artist = pc.coalesce(artist_mbid, name_ids(artist_name))
    listens = pa.table({c.USER_ID: user, c.TIMESTAMP: timestamp, c.TRACK_ID: track, c.ARTIST_ID: artist})

    def raw(places: pa.Array) -> list[str]:
        return lines_as_json(texts.take(places))

    yield Chunk(EVENTS, listens, numbers, raw=raw, refused=refused, repaired=repaired)
    columns = {c.TRACK_ID: track, c.TITLE: title, c.ARTIST_IDS: artist, c.ARTIST_NAME: artist_name}
    yield distinct_chunk(TRACKS, columns, numbers)
    yield distinct_chunk(ARTISTS, {c.ARTIST_ID: artist, c.NAME: artist_name}, numbers)
