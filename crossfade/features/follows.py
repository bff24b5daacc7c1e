"""Follows as columns: which artists users follow, and since when."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Int64s
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, IdMap, Rows

FILE: Final = "follows.arrow"
FOLLOWER_ROWS: Final = "user_rows"
MOST_FOLLOWED: Final = 200  # artists of one user, the latest ones; it bounds the width of a batch


@dataclass(frozen=True)
class Follows:
    """f follows, sorted by user row, then time, each pair of user and artist once (its first follow).

    Args:
        user_rows: [f] int32.
        artist_rows: [f] int32 `Catalogue.artists`.
        seconds: [f] int64 UTC seconds since 1970.
    """

    user_rows: Rows
    artist_rows: Rows
    seconds: Int64s

    def __len__(self) -> int:
        """Return the number of follows."""
        return len(self.user_rows)

    @classmethod
    def none(cls) -> "Follows":
        """Return no follows."""
        nothing = np.zeros(0, np.int32)
        return cls(nothing, nothing, nothing.astype(np.int64))

    @classmethod
    def of(cls, events: pa.Table, users: IdMap, catalogue: Catalogue) -> "Follows":
        """Read follow events: of the artist that one names, else of its track's primary artist.

        Args:
            events: [n] user_id, track_id, artist_id and timestamp; without a timestamp an event is left out.
            users: Others' events are left out, and so are those of artists that the catalogue does not know.
            catalogue: The tracks.
        """
        tracks = catalogue.tracks.rows(events.column(c.TRACK_ID))
        of_track = np.where(tracks >= 0, catalogue.artist_rows[tracks], NO_ROW) if len(catalogue) else tracks
        named = catalogue.artists.rows(events.column(c.ARTIST_ID))
        artists = np.where(named >= 0, named, of_track).astype(np.int32)
        owners = users.rows(events.column(c.USER_ID))
        times = events.column(c.TIMESTAMP)
        seconds = pc.fill_null(times.cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()), 0)
        kept = (owners >= 0) & (artists >= 0) & pc.is_valid(times).to_numpy()
        return cls(owners[kept], artists[kept], seconds.to_numpy()[kept])._in_order()

    def before(self, end: int) -> "Follows":
        """Return the follows before a moment in UTC seconds."""
        return self._where(self.seconds < end)

    def renumbered(self, users: Rows, artists: Rows) -> "Follows":
        """Return the same follows in other rows.

        Args:
            users: [num_users] int32 the new row of each user, -1 for those who leave.
            artists: [num_artists] int32 the new row of each artist, -1 for those that leave.
        """
        moved = Follows(users[self.user_rows], artists[self.artist_rows], self.seconds)
        return moved._where((moved.user_rows >= 0) & (moved.artist_rows >= 0))._in_order()

    def followed(self, user_rows: Rows, as_of: Int64s) -> Rows | None:
        """Return whom users follow at a moment of each.

        Args:
            user_rows: [n] int32, -1 unknown.
            as_of: [n] int64 UTC seconds; what comes then or later does not count.

        Returns:
            [n, f] int32 artists, the latest first, padded with -1; None where nobody of them follows anybody.
        """
        if not len(self):
            return None
        first, last = (np.searchsorted(self.user_rows, user_rows, side) for side in ("left", "right"))
        counts = np.minimum(np.where(user_rows >= 0, last - first, 0), MOST_FOLLOWED)
        if not counts.any():
            return None
        places = last[:, None] - 1 - np.arange(counts.max())
        inside = places >= (last - counts)[:, None]
        places = np.where(inside, places, 0)
        known = inside & (self.seconds[places] < as_of[:, None])
        return np.where(known, self.artist_rows[places], NO_ROW).astype(np.int32)

    def save(self, directory: Path) -> None:
        """Write `follows.arrow` into the directory."""
        columns = {FOLLOWER_ROWS: self.user_rows, "artist_rows": self.artist_rows, "seconds": self.seconds}
        write_table(pa.table(columns), directory / FILE)

    @classmethod
    def load(cls, directory: Path) -> "Follows":
        """Read what `save` wrote; a directory of before there were follows has none."""
        if not (directory / FILE).exists():
            return cls.none()
        table = read_table(directory / FILE)
        return cls(*(table.column(name).to_numpy() for name in (FOLLOWER_ROWS, "artist_rows", "seconds")))

    def _where(self, kept: npt.NDArray[np.bool_]) -> "Follows":
        return Follows(self.user_rows[kept], self.artist_rows[kept], self.seconds[kept])

    def _in_order(self) -> "Follows":
        """Sort by user, then time, then artist, and keep the first follow of each pair."""
        order = np.lexsort((self.artist_rows, self.seconds, self.user_rows))
        pairs = self.user_rows[order].astype(np.int64) << 32 | self.artist_rows[order]
        _, first = np.unique(pairs, return_index=True)
        return self._where(order[np.sort(first)])
