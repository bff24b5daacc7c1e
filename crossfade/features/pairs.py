"""Aggregates by (query, column) pairs: a user's listens by artist, album or genre, found by hash."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Int64s
from crossfade.schema.ids import NO_ROW, Rows

Doubles = npt.NDArray[np.float64]


SPACIOUS: Final = 2  # places of the table for each entry, a power of two in all


@dataclass(frozen=True)
class Pairs:
    """The distinct pairs of a query and a column (an artist, say), and which entry belongs to which pair.

    Args:
        keys: [p] int64, query * width + column, in the order in which they first come.
        members: [m] int64, the pair of each entry.
        width: Columns are below it.
        table: [power of two] int32 pairs by the hash of their key (linear probing), -1 where free.
    """

    keys: Int64s
    members: Int64s
    width: int
    table: Rows

    @classmethod
    def of(cls, owners: Int64s, columns: Rows, width: int) -> "Pairs":
        """Pair the query [m] and the column [m] (never -1) of each entry."""
        table = np.full(1 << int(SPACIOUS * len(columns)).bit_length(), NO_ROW, np.int32)
        keys, members = np.empty(len(columns), np.int64), np.empty(len(columns), np.int64)
        count = _pair(owners, columns, width, (table, keys, members))
        return cls(keys[:count], members, width, table)

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
        _raise_to(largest, self.members, seconds)
        return largest

    def places(self, columns: Rows, first: int = 0) -> Int64s:
        """Find the pair of query first + i and column [i, ...]; -1 where there is none."""
        found = np.full(columns.shape, NO_ROW, np.int64)
        if len(self.keys):
            wanted = np.ascontiguousarray(columns).reshape(len(columns), -1)
            _find(wanted, first, self.width, (self.table, self.keys), found.reshape(wanted.shape))
        return found


@numba.njit(cache=True, nogil=True)
def _raise_to(largest, members, seconds):  # type: ignore[no-untyped-def]
    """Raise largest [p] to seconds [m] of its members."""
    for entry in range(len(members)):
        largest[members[entry]] = max(largest[members[entry]], seconds[entry])


@numba.njit(cache=True, nogil=True)
def _pair(owners, columns, width, pairs):  # type: ignore[no-untyped-def]
    """Fill table, keys and members; return the number of pairs."""
    table, keys, members = pairs
    count = 0
    for entry in range(len(columns)):
        key = np.int64(owners[entry]) * width + columns[entry]
        slot = _slot(key, table, keys)
        if table[slot] < 0:
            table[slot], keys[count] = count, key
            count += 1
        members[entry] = table[slot]
    return count


@numba.njit(cache=True, nogil=True)
def _find(columns, first, width, pairs, found):  # type: ignore[no-untyped-def]
    """Fill found [n, c] with the pairs of columns [n, c] of the queries from `first` on."""
    table, keys = pairs
    for query in range(len(columns)):
        for place in range(columns.shape[1]):
            if columns[query, place] >= 0:
                found[query, place] = find(
                    np.int64(first + query) * width + columns[query, place], table, keys
                )


@numba.njit(cache=True, nogil=True)
def find(key, table, keys):  # type: ignore[no-untyped-def]
    """Return the pair of a key, -1 where there is none, for other kernels; `table` and `keys` are those of `Pairs`."""
    return table[_slot(key, table, keys)]


@numba.njit(cache=True, nogil=True)
def _slot(key, table, keys):  # type: ignore[no-untyped-def]
    """Return where a key stands in the table, or where it would."""
    mask = len(table) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth 1973)
    slot = np.int64(mixed >> np.uint64(40)) & mask
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & mask
    return slot


def at(
    values: npt.NDArray[np.generic], places: npt.NDArray[np.integer], missing: float
) -> npt.NDArray[np.float32]:
    """Read values [p] at places of any shape, `missing` where a place is -1."""
    if not len(values):
        return np.full(places.shape, missing, np.float32)
    return np.where(places >= 0, values[places], missing).astype(np.float32)
