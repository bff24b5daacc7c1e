"""Aggregates by (query, column) pairs: a user's listens by artist, album or genre, found by sorted lookup."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Int64s
from crossfade.schema.ids import NO_ROW, Rows

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """The distinct pairs of a query and a column (an artist, say), and which entry belongs to which pair.

    Args:
        keys: [p] int64, query * width + column, sorted.
        members: [m] int64, the pair of each entry.
        width: Columns are below it.
    """

    keys: Int64s
    members: Int64s
    width: int

    @classmethod
    def of(cls, owners: Int64s, columns: Rows, width: int) -> "Pairs":
        """Pair the query [m] and the column [m] (never -1) of each entry."""
        keys, members = np.unique(owners * np.int64(width) + columns, return_inverse=True)
        return cls(keys, members, width)

    @property
    def owners(self) -> Int64s:
        """[p] int64 query of each pair."""
        return np.asarray(self.keys // max(self.width, 1))

    def total(self, values: npt.NDArray[np.floating | np.bool_]) -> Doubles:
        """Sum values [m], or count true ones, by pair: [p] float64."""
        return np.bincount(self.members, values.astype(np.float64), len(self.keys)).astype(np.float64)

    def latest(self, seconds: Int64s) -> Int64s:
        """Return the largest of seconds [m] by pair, [p] int64."""
        largest = np.full(len(self.keys), np.iinfo(np.int64).min)
        np.maximum.at(largest, self.members, seconds)
        return largest

    def places(self, columns: Rows, first: int = 0) -> Int64s:
        """Find the pair of query first + i and column [i, ...]; -1 where there is none."""
        if not len(self.keys):
            return np.full(columns.shape, NO_ROW, np.int64)
        owners = first + np.arange(len(columns), dtype=np.int64).reshape(-1, *[1] * (columns.ndim - 1))
        wanted = owners * self.width + columns
        found = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((self.keys[found] == wanted) & (columns >= 0), found, NO_ROW)


def at(
    values: npt.NDArray[np.generic], places: npt.NDArray[np.integer], missing: float
) -> npt.NDArray[np.float32]:
    """Read values [p] at places of any shape, `missing` where a place is -1."""
    if not len(values):
        return np.full(places.shape, missing, np.float32)
    return np.where(places >= 0, values[places], missing).astype(np.float32)
