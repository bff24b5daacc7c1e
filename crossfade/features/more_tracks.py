"""A dataset with more tracks in its catalogue: rows are positions by track id, so all of them move."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError

NAMED: Final = 3  # offending tracks that a message names


def with_more_tracks(dataset: Dataset, tracks: pa.Table) -> Dataset:
    """Return the dataset with further tracks that nobody has played.

    Args:
        dataset: Any; interactions, playlists and follows move with their tracks and artists to the new rows.
        tracks: [n] the canonical track columns.

    Raises:
        InputError: A track is in the catalogue already, or twice among the new ones; names the first ones.
    """
    known = dataset.catalogue
    _require_new(
        known.tracks.rows(tracks.column(c.TRACK_ID)) >= 0, tracks, "in the bundle's catalogue already"
    )
    _require_new(_repeated(tracks.column(c.TRACK_ID)), tracks, "named twice")
    table = pa.concat_tables([known.table, _aligned(tracks, known.table.schema)])
    catalogue = Catalogue(table.take(pc.sort_indices(table.column(c.TRACK_ID))).combine_chunks())
    moved = catalogue.tracks.rows(known.tracks.ids)
    acts, playlists = dataset.interactions, dataset.playlists
    users, artists = np.arange(len(dataset.users), dtype=np.int32), catalogue.artists.rows(known.artists.ids)
    return replace(
        dataset,
        catalogue=catalogue,
        interactions=replace(acts, track_rows=moved[acts.track_rows]),
        playlists=replace(playlists, track_rows=moved[playlists.track_rows]),
        follows=dataset.follows.renumbered(users, artists),
    )


def _require_new(is_old: npt.NDArray[np.bool_], tracks: pa.Table, why: str) -> None:
    if is_old.any():
        ids = tracks.column(c.TRACK_ID).filter(pa.array(is_old)).unique().to_pylist()
        named = ", ".join(map(repr, ids[:NAMED])) + (" ..." if len(ids) > NAMED else "")
        raise InputError(f"Tracks are {why}: {named} ({len(ids)}); leave them out. Nothing was added.")


def _repeated(ids: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    codes = ids.combine_chunks().dictionary_encode().indices.to_numpy()
    return np.asarray(np.bincount(codes)[codes] > 1)


def _aligned(tracks: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns that a catalogue has: canonical ones, the primary artist, null for any other."""
    primary = pa.array([(ids or [None])[0] for ids in tracks.column(c.ARTIST_IDS).to_pylist()], pa.string())
    columns = {**{name: tracks.column(name) for name in tracks.column_names}, c.ARTIST_ID: primary}
    return pa.table(
        {field.name: columns.get(field.name, pa.nulls(len(tracks), field.type)) for field in schema}
    ).cast(schema)
