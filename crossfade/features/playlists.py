"""Playlists as columns: which tracks people put together, under which title, and since when."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.interactions import Int64s
from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap, Rows
from crossfade.schema.tables import PLAYLISTS

FILE: Final = "playlists.arrow"


@dataclass(frozen=True)
class Playlists:
    """p playlists as of their timestamps (a CSR layout): playlist i holds entries offsets[i]:offsets[i + 1], in order.

    Args:
        offsets: [p + 1] int64.
        track_rows: [m] int32.
        seconds: [p] int64 UTC seconds since which a playlist is known as it stands.
        titles: [p] string, null where it has none.
    """

    offsets: Int64s
    track_rows: Rows
    seconds: Int64s
    titles: pa.Array

    def __len__(self) -> int:
        """Return the number of playlists."""
        return len(self.seconds)

    @classmethod
    def none(cls) -> "Playlists":
        """Return no playlists."""
        nothing = np.zeros(0, np.int64)
        return cls(np.zeros(1, np.int64), nothing.astype(np.int32), nothing, pa.array([], pa.string()))

    @classmethod
    def of(cls, table: pa.Table, tracks: IdMap) -> "Playlists":
        """Read the canonical table, in the order of playlist ids; those without a timestamp are left out."""
        timed = table.filter(pc.is_valid(table.column(c.TIMESTAMP)))
        timed = timed.take(pc.sort_indices(timed.column(c.PLAYLIST_ID))).combine_chunks()
        lists = timed.column(c.TRACK_IDS).cast(PLAYLISTS.schema.field(c.TRACK_IDS).type).combine_chunks()
        rows = tracks.rows(pc.list_flatten(lists))
        owners = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)[rows >= 0]
        counts = np.bincount(owners, minlength=len(timed))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        seconds = timed.column(c.TIMESTAMP).cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64())
        titles = timed.column(c.TITLE).combine_chunks()
        return cls(offsets, rows[rows >= 0], seconds.to_numpy(), titles)

    @property
    def owners(self) -> Int64s:
        """[m] int64: the playlist of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def before(self, end: int) -> "Playlists":
        """Return the playlists that stood before a moment in UTC seconds."""
        return self._where(self.seconds < end)

    def renumbered(self, rows: Rows) -> "Playlists":
        """Return the same playlists in another catalogue's rows.

        Args:
            rows: [num_tracks] int32 the new row of each track, -1 for tracks that leave.
        """
        tracks = rows[self.track_rows]
        counts = np.bincount(self.owners[tracks >= 0], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Playlists(offsets, tracks[tracks >= 0], self.seconds, self.titles)

    def _where(self, kept: npt.NDArray[np.bool_]) -> "Playlists":
        counts = np.diff(self.offsets)[kept]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        titles = self.titles.filter(pa.array(kept))
        return Playlists(offsets, self.track_rows[kept[self.owners]], self.seconds[kept], titles)

    def save(self, directory: Path) -> None:
        """Write `playlists.arrow` into the directory."""
        lists = pa.LargeListArray.from_arrays(self.offsets, self.track_rows)
        columns = {c.TRACK_IDS: lists, c.TIMESTAMP: self.seconds, c.TITLE: self.titles}
        write_table(pa.table(columns), directory / FILE)

    @classmethod
    def load(cls, directory: Path) -> "Playlists":
        """Read what `save` wrote."""
        table = read_table(directory / FILE).combine_chunks()
        lists = table.column(c.TRACK_IDS).combine_chunks()
        counts = pc.list_value_length(lists).to_numpy()
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        titles = table.column(c.TITLE).combine_chunks()
        return cls(offsets, pc.list_flatten(lists).to_numpy(), table.column(c.TIMESTAMP).to_numpy(), titles)
