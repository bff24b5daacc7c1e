"""Titles and artists of stored tracks, from the bundle that recommended them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.arrow_files import read_table
from crossfade.schema import columns as c


class TrackName(NamedTuple):
    """What people call a track; ids where names are unknown."""

    title: str
    artist: str


def track_names(bundle: Path, track_ids: Sequence[str]) -> list[TrackName]:
    """Return the names of tracks, in order.

    Args:
        bundle: A bundle's directory; where it is gone, ids stand for names.
        track_ids: n ids.

    Raises:
        IntegrityError: The bundle's track table is damaged.
    """
    if not bundle.is_dir():
        return [TrackName(track, "") for track in track_ids]
    table = read_table(bundle / "tracks.arrow")
    # One pass over the ids: a hash map over a hundred million of them would take longer than the answer may.
    found = table.filter(pc.is_in(table.column(c.TRACK_ID), value_set=pa.array(track_ids, pa.string())))
    titles = pc.coalesce(found.column(c.TITLE), found.column(c.TRACK_ID)).to_pylist()
    artists = pc.coalesce(found.column(c.ARTIST_NAME), found.column(c.ARTIST_ID), "").to_pylist()
    names = dict(zip(found.column(c.TRACK_ID).to_pylist(), map(TrackName, titles, artists), strict=True))
    return [names.get(track, TrackName(track, "")) for track in track_ids]
