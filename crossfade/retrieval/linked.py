"""Scores that are sums over links from a history, cut to a few tracks of each query: what adds to each, and how much.

Sources that sum neighbours read all neighbours of a history for every answer, and nearly none of them is asked about again.
"""

from dataclasses import dataclass
from typing import Final, Self

import numba
import numpy as np

from crossfade.features.interactions import Floats, Int64s
from crossfade.retrieval.contract import Scores
from crossfade.retrieval.fading import Doubles
from crossfade.retrieval.heard import RESIDUE, Gone, Heard
from crossfade.retrieval.sparse import Matrix
from crossfade.retrieval.sparse_rows import fetch_rows, lengths_at
from crossfade.retrieval.telling import above_nothing, note_places, noted_place, table_for
from crossfade.schema.ids import NO_ROW, Rows

MARKS: Final = 4096  # bytes, a power of two: some thirty wanted tracks leave nearly all of them clear


@dataclass(frozen=True)
class Units:
    """What the links of n queries begin at: the tracks that they heard, or those tracks' artists.

    Args:
        owned: [n + 1] int64; query i has the units owned[i]:owned[i + 1].
        columns: [u] int32 track or artist of each.
        of_heard: [p] int32 unit of each track of `Heard`, -1 without.
        plays: [p] float32 what each of those tracks adds to its unit.
        power: That a unit's sum is raised to.
    """

    owned: Int64s
    columns: Rows
    of_heard: Rows
    plays: Floats
    power: float = 1.0

    @classmethod
    def of_tracks(cls, heard: Heard, plays: Floats) -> Self:
        """Take heard tracks by themselves, each of which weighs plays [p] float32."""
        return cls(heard.owned, heard.tracks, np.arange(len(heard.tracks), dtype=np.int32), plays)


@dataclass(frozen=True)
class Linked:
    """Links to k tracks of each of n queries.

    Args:
        units: Where they begin.
        sums: [u] float64 of the units' plays, from which few are taken away again.
        weights: [u] float32, the same raised to the power.
        offsets: [n * k + 1] int64; track j of query i has links offsets[i * k + j]:offsets[i * k + j + 1].
        starts: [q] int32, the unit of each link.
        values: [q] float32.
        width: k.
    """

    units: Units
    sums: Doubles
    weights: Floats
    offsets: Int64s
    starts: Rows
    values: Floats
    width: int

    @classmethod
    def of(cls, units: Units, neighbours: Matrix, rows: Rows) -> Self:
        """Cut links to a few columns.

        Args:
            units: Whose links.
            neighbours: Sparse, square, from columns of units to columns.
            rows: [n, k] int32 columns, none twice in a query, -1 padded.
        """
        # As many as there may be: memory that is not written to costs nothing.
        most = int(lengths_at(neighbours.indptr, units.columns).sum())
        kept = np.zeros(rows.size + 1, np.int64), np.empty(most, np.int32), np.empty(most, np.float32)
        links = (neighbours.indptr, neighbours.indices, neighbours.data)
        _cut((units.owned, units.columns), links, (rows, table_for(rows.shape[1])), kept)
        sums = np.zeros(len(units.columns))
        _add_up(units.of_heard, units.plays, sums)
        return cls(units, sums, (sums**units.power).astype(np.float32), *kept, rows.shape[1])

    def without(self, gone: Gone, places: Rows) -> Scores:
        """Score some of the tracks again; see `Recalled`."""
        return above_nothing(self.sums_without(gone, places))

    def sums_without(self, gone: Gone, places: Rows) -> Floats:
        """Return the same [m, w] float32 with 0 for what no link adds to."""
        told = np.zeros(places.shape, np.float32)
        parts = (self.units.of_heard, self.units.plays, self.sums, self.weights)
        scratch = self.sums.copy(), self.weights.copy()
        _sum_without(
            gone.columns, (parts, self.units.power), self._links, scratch, (places, self.width, told)
        )
        return told

    def strongest(self, weights: Floats) -> tuple[Rows, Floats, Floats]:
        """Find the unit that adds most to the score of each track.

        Args:
            weights: [u] float32 of the units, in place of their own.

        Returns:
            [n, k] int32 those units' columns, -1 for none, and [n, k] float32 each: what they add, and the whole score.
        """
        shape = (len(self.units.owned) - 1, self.width)
        found = np.full(shape, NO_ROW, np.int32)
        added, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        told = (found.ravel(), added.ravel(), total.ravel())
        _find_strongest((self.units.columns, weights), self._links, told)
        return found, added, total

    @property
    def _links(self) -> tuple[Int64s, Rows, Floats]:
        return self.offsets, self.starts, self.values


@numba.njit(cache=True, nogil=True)
def _add_up(units, plays, sums):  # type: ignore[no-untyped-def]
    for place in range(len(units)):
        if units[place] >= 0:
            sums[units[place]] += plays[place]


@numba.njit(cache=True, nogil=True)
def _cut(units, links, wanted, kept):  # type: ignore[no-untyped-def]
    """Fill offsets, starts and values with the wanted links, by where they lead to, in the order of the units.

    Hardly a link is wanted, so a first look asks, without a branch, who may be.
    """
    (owned, columns), (rows, table) = units, wanted
    marked, likely = np.zeros(MARKS, np.uint8), np.empty(_longest(links[0], columns) + 1, np.int64)
    most, nexts = _most_links(links[0], owned, columns), np.empty(rows.shape[1], np.int64)
    places, begun, told = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.float32)
    for query in range(len(rows)):
        own, count = rows[query], 0
        note_places(own, table)
        _mark(own, marked, 1)
        for unit in range(owned[query], owned[query + 1]):
            column, found = columns[unit], 0
            fetch_rows(links, columns, unit, owned[query + 1])
            for link in range(links[0][column], links[0][column + 1]):
                likely[found] = link
                found += marked[links[1][link] & (MARKS - 1)]
            for link in likely[:found]:
                place = noted_place(links[1][link], own, table)
                if place >= 0:
                    places[count], begun[count], told[count] = place, unit, links[2][link]
                    count += 1
        _mark(own, marked, 0)
        _stand_by_place((places, begun, told), count, kept, query * rows.shape[1], nexts)


@numba.njit(cache=True, nogil=True)
def _stand_by_place(found, count, kept, first, nexts):  # type: ignore[no-untyped-def]
    """Append the links of a query, whose first place has that number, in the order of places; nexts [k] is room."""
    (places, begun, told), (offsets, starts, values) = found, kept
    nexts[:] = 0
    for link in range(count):
        nexts[places[link]] += 1
    end = offsets[first]
    for place in range(len(nexts)):
        end, nexts[place] = end + nexts[place], end
        offsets[first + place + 1] = end
    for link in range(count):
        at = nexts[places[link]]
        starts[at], values[at] = begun[link], told[link]
        nexts[places[link]] += 1


@numba.njit(cache=True, nogil=True)
def _mark(rows, marked, value):  # type: ignore[no-untyped-def]
    """Set the marks [`MARKS`] that rows, -1 left out, fall on."""
    for row in rows:
        if row >= 0:
            marked[row & (MARKS - 1)] = value


@numba.njit(cache=True, nogil=True)
def _longest(offsets, rows):  # type: ignore[no-untyped-def]
    longest = np.int64(0)
    for row in rows:
        longest = max(longest, np.int64(offsets[row + 1] - offsets[row]))
    return longest


@numba.njit(cache=True, nogil=True)
def _most_links(offsets, owned, rows):  # type: ignore[no-untyped-def]
    """Return the most links that the units of one query have."""
    most = np.int64(0)
    for query in range(len(owned) - 1):
        links = np.int64(0)
        for unit in range(owned[query], owned[query + 1]):
            links += np.int64(offsets[rows[unit] + 1] - offsets[rows[unit]])
        most = max(most, links)
    return most


@numba.njit(cache=True, nogil=True)
def _sum_without(gone, units, links, scratch, wanted):  # type: ignore[no-untyped-def]
    """Fill told [m, w]; scratch is sums and weights of units, as they are before and after."""
    (owners, ends, lost), ((of_heard, plays, sums, weights), power), (left, now) = gone, units, scratch
    (offsets, starts, values), (places, width, told) = links, wanted
    for claim in range(len(owners)):
        for i in range(ends[claim], ends[claim + 1]):
            unit = of_heard[lost[i]]
            if unit >= 0:
                left[unit] -= plays[lost[i]]
        for i in range(ends[claim], ends[claim + 1]):
            unit = of_heard[lost[i]]
            if unit >= 0:
                now[unit] = _raised(left[unit], power) if left[unit] > RESIDUE * sums[unit] else 0.0
        for slot in range(places.shape[1]):
            if places[claim, slot] >= 0:
                at, total = owners[claim] * width + places[claim, slot], np.float32(0)
                for link in range(offsets[at], offsets[at + 1]):
                    total += now[starts[link]] * values[link]
                told[claim, slot] = total
        for i in range(ends[claim], ends[claim + 1]):
            unit = of_heard[lost[i]]
            if unit >= 0:
                left[unit], now[unit] = sums[unit], weights[unit]


@numba.njit(cache=True, nogil=True)
def _raised(value, power):  # type: ignore[no-untyped-def]
    return np.float32(value) if power == 1.0 else np.float32(value**power)


@numba.njit(cache=True, nogil=True)
def _find_strongest(units, links, told):  # type: ignore[no-untyped-def]
    """Fill told [n * k]: the columns of the units that add most, what they add, and what all add."""
    (columns, weights), (offsets, starts, values), (found, added, total) = units, links, told
    for place in range(len(found)):
        for link in range(offsets[place], offsets[place + 1]):
            gain = weights[starts[link]] * values[link]
            total[place] += gain
            if gain > added[place]:
                found[place], added[place] = columns[starts[link]], gain
