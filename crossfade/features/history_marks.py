"""Entries of histories marked by the running session, and counted by what they are by: an artist, or a track itself.

Every number is computed once for a batch of queries, from one array to the next, so that a batch of one costs few operations.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Int64s, Queries
from crossfade.features.pairs import Pairs
from crossfade.schema.ids import NO_ROW, Rows

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Marks:
    """What the m entries of n histories are to the running session, which is that of each query's last entry.

    Args:
        queries: The histories.
    """

    queries: Queries

    @cached_property
    def wanted(self) -> Bools:
        """[m] positive entries."""
        return np.asarray(self.queries.strengths > 0)

    @cached_property
    def in_session(self) -> Bools:
        """[m] entries of the session."""
        return self.queries.in_last_session

    @cached_property
    def running(self) -> Bools:
        """[m] positive entries of the session."""
        return self.wanted & self.in_session

    @cached_property
    def listens(self) -> Int64s:
        """[n] positive entries of the session."""
        return self.counts(self.running)

    @cached_property
    def last_places(self) -> Int64s:
        """[n] the last positive entry of the session, -1 without one."""
        places, last = np.flatnonzero(self.running), np.full(len(self.queries), NO_ROW, np.int64)
        last[self.queries.owners[places]] = places  # of several the last one stays
        return last

    @cached_property
    def last_tracks(self) -> Rows:
        """[n] int32 the last track that was wanted in the session, -1 without one."""
        return self._where_last(self.queries.track_rows)

    def of_last(self, of_tracks: Rows) -> Rows:
        """Return what the last wanted tracks have [n], by a column over all tracks; -1 without."""
        return self._where_last(of_tracks[self.queries.track_rows])

    def counts(self, mask: Bools) -> Int64s:
        """Count entries of a mask [m] by query, [n]."""
        total = self._running_total(mask)
        return np.asarray(total[self.queries.offsets[1:]] - total[self.queries.offsets[:-1]])

    def since(self, mask: Bools) -> Int64s:
        """Return how many entries of a mask [m] come after each entry in its query, [m]."""
        total = self._running_total(mask)
        return np.asarray(total[self.queries.offsets[1:]][self.queries.owners] - total[1:])

    def _running_total(self, mask: Bools) -> Int64s:
        return np.concatenate([[0], np.cumsum(mask)])

    def _where_last(self, column: Rows) -> Rows:
        if not len(column):
            return np.full(len(self.queries), NO_ROW, np.int32)
        return np.where(self.last_places >= 0, column[self.last_places], NO_ROW).astype(np.int32)


@dataclass(frozen=True)
class Named:
    """The pairs of queries and what their entries are by (artists, or the tracks themselves).

    Args:
        pairs: p pairs.
        owners: [p] int64 query of each.
        known: [m] entries that are in a pair.
    """

    pairs: Pairs
    owners: Int64s
    known: Bools

    @classmethod
    def of(cls, queries: Queries, columns: Rows, width: int) -> "Named":
        """Pair queries with a column [m] of their entries, below a width; -1 is in no pair."""
        known = columns >= 0
        pairs = Pairs.of(queries.owners[known], columns[known], width)
        return cls(pairs, pairs.owners, known)

    def total(self, values: npt.NDArray[np.floating | np.bool_]) -> Doubles:
        """Sum values [m], or count true ones, by pair: [p]."""
        return self.pairs.total(values[self.known])

    def least(self, values: Int64s, mask: Bools) -> Doubles:
        """Return the least of values [m] of a mask [m] by pair, [p]; NaN where a pair has none."""
        kept = mask[self.known]
        least = np.full(len(self.owners), NEVER)
        np.maximum.at(least, self.pairs.members[kept], -values[self.known][kept])
        return np.where(least == NEVER, np.nan, -least.astype(np.float64))

    def distinct(self, totals: Doubles, num_queries: int) -> Int64s:
        """Count pairs with a total [p] above 0 by query, [n]."""
        return np.bincount(self.owners[totals > 0], minlength=num_queries)
