"""Tiny datasets whose answer is known by construction, for tests of every layer above the lake."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split, Users
from crossfade.features.interactions import SECONDS_PER_DAY, Interactions
from crossfade.schema import columns as c
from crossfade.schema.tables import TRACKS, USERS

Play = tuple[str, str, float]  # user, track, day (fractions allowed); strength 1.0
StrongPlay = tuple[str, str, float, float]


def catalogue(tracks: Sequence[dict[str, object]]) -> Catalogue:
    """Build a catalogue from rows of canonical columns; only `track_id` is needed."""
    rows = sorted(
        ({name: row.get(name) for name in TRACKS.schema.names} for row in tracks),
        key=lambda row: str(row[c.TRACK_ID]),
    )
    table = pa.Table.from_pylist(rows, schema=TRACKS.schema)
    primary = [(row[c.ARTIST_IDS] or [None])[0] for row in rows]  # type: ignore[index]
    return Catalogue(table.append_column(c.ARTIST_ID, pa.array(primary, pa.string())))


def users(
    ids: Sequence[str],
    countries: Sequence[str | None] | None = None,
    birth_years: Sequence[int | None] | None = None,
) -> Users:
    """Build a users table, sorted by id."""
    unknown = [None] * len(ids)
    rows = [
        {c.USER_ID: user, c.COUNTRY: country, c.BIRTH_YEAR: year}
        for user, country, year in zip(ids, countries or unknown, birth_years or unknown, strict=True)
    ]
    return Users(pa.Table.from_pylist(sorted(rows, key=lambda row: str(row[c.USER_ID])), schema=USERS.schema))


def dataset(
    plays: Sequence[Play | StrongPlay], tracks: Catalogue | None = None, *, split: Split | None = None
) -> Dataset:
    """Build a dataset from plays; without a catalogue, each track's artist is its id's first letter."""
    names = sorted({play[1] for play in plays})
    tracks = tracks or catalogue([{c.TRACK_ID: name, c.ARTIST_IDS: [name[0]]} for name in names])
    listeners = users(sorted({play[0] for play in plays}))
    user_rows = listeners.ids.rows([play[0] for play in plays])
    seconds = np.array([play[2] * SECONDS_PER_DAY for play in plays], np.int64)
    order = np.lexsort((seconds, user_rows))
    strengths = np.array([play[3] if len(play) > 3 else 1.0 for play in plays], np.float32)[order]
    gaps = np.diff(seconds[order], prepend=seconds[order][:1]) > 1800
    changes = np.diff(user_rows[order], prepend=user_rows[order][:1]) != 0
    acts = Interactions(
        user_rows[order],
        tracks.tracks.rows([play[1] for play in plays])[order],
        seconds[order],
        strengths,
        np.cumsum(gaps | changes).astype(np.int32),
    )
    end = int(seconds.max()) + 1 if len(seconds) else 0
    return Dataset(tracks, listeners, acts, split or Split(end, end, end), {})
