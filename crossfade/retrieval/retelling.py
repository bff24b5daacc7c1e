"""What sources say of the same few tracks again and again, each time with other parts of the histories left out.

Sources that sum neighbours read all neighbours of a history for every answer, and nearly none of them is asked about. So
they are cut once to the tracks that are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeGuard, cast

import numba
import numpy as np

from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.retrieval.contract import Scores, Telling
from crossfade.retrieval.histories import next_place
from crossfade.retrieval.sparse import Matrix
from crossfade.retrieval.sparse_rows import SparseRows, fetch_rows
from crossfade.retrieval.telling import above_nothing, note_places, noted_place, table_for
from crossfade.schema.ids import NO_ROW, Rows

if TYPE_CHECKING:
    from crossfade.retrieval.sources import Sources
    from crossfade.retrieval.user_tower import Attended


class Linking(Telling, Protocol):
    """A source whose scores are what the recent tracks of a history weigh, times the sparse `neighbours_` of each."""

    neighbours_: Matrix

    def recent(self, queries: Queries) -> SparseRows:
        """Return what tracks of histories weigh, sparse [n, num_tracks]."""
        ...


class Attending(Telling, Protocol):
    """A source that pools histories by attention, which says the same of a track in every part of a history."""

    def attended(self, queries: Queries) -> "Attended":
        """Return what attention says of the histories of n queries."""
        ...

    def said_of_parts(self, attended: "Attended", owners: Int64s, queries: Queries, rows: Rows) -> Scores:
        """Return what `said` says of tracks [m, w] of m queries, whose histories are parts of those of owners [m]."""
        ...


MARKS: Final = 4096  # bytes, a power of two: some thirty wanted tracks leave nearly all of them clear


# Asked by name, since asking whether an object keeps to a protocol takes longer than a request's history.
def _links(source: Any) -> TypeGuard[Linking]:
    return hasattr(source, "recent")


def _attends(source: Any) -> TypeGuard[Attending]:
    return hasattr(source, "attended")


@dataclass(frozen=True)
class Links:
    """Neighbours of the tracks in n histories, cut to a few tracks of each query.

    Args:
        owned: [n + 1] int64; query i has the tracks owned[i]:owned[i + 1].
        tracks: [p] int32 of the histories, each once a query.
        offsets: [p + 1] int64; track i of these has links offsets[i]:offsets[i + 1].
        places: [m] int32 of the track among those that its query was asked about.
        values: [m] float32, in the order of the whole matrix.
        width: So many tracks are asked of each query at most.
    """

    owned: Int64s
    tracks: Rows
    offsets: Int64s
    places: Rows
    values: Floats
    width: int

    @classmethod
    def of(cls, recent: SparseRows, neighbours: Matrix, rows: Rows) -> Self:
        """Cut neighbours to tracks.

        Args:
            recent: What histories weigh, sparse [n, num_tracks].
            neighbours: Sparse [num_tracks, num_tracks].
            rows: [n, k] int32 tracks, no track twice in a query, -1 padded.
        """
        # As many as there may be: memory that is not written to costs nothing.
        most = int(np.diff(neighbours.indptr)[recent.indices].sum())
        kept = np.zeros(recent.nnz + 1, np.int64), np.empty(most, np.int32), np.empty(most, np.float32)
        links = (neighbours.indptr, neighbours.indices, neighbours.data)
        _cut((recent.indptr, recent.indices), links, (rows, table_for(rows.shape[1])), kept)
        return cls(recent.indptr, recent.indices, *kept, rows.shape[1])

    def at(self, owners: Int64s, recent: SparseRows, places: Rows) -> Scores:
        """Read a product with the neighbours at some of the tracks.

        Args:
            owners: [m] int64, the query whose history each is a part of.
            recent: What the parts weigh, sparse [m, num_tracks].
            places: [m, w] int32 among the owners' tracks, -1 padded.

        Returns:
            [m, w] float32 as of `product_at`, to the last bit.
        """
        told = np.zeros(places.shape, np.float32)
        ours = (owners, recent.indptr, recent.indices, recent.data)
        _linked_at(
            ours, (self.owned, self.tracks), self._links, (places, np.empty(self.width, np.float32)), told
        )
        return above_nothing(told)

    def strongest(self, recent: SparseRows) -> tuple[Rows, Floats, Floats]:
        """Find the track of each history that adds most to the score of each of its query's tracks.

        Args:
            recent: What tracks of the n histories weigh, sparse [n, num_tracks].

        Returns:
            [n, k] int32 those tracks, -1 for none, and [n, k] float32 each: what they add, and the whole score.
        """
        shape = (recent.shape[0], self.width)
        found = np.full(shape, NO_ROW, np.int32)
        added, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        ours = (recent.indptr, recent.indices, recent.data)
        _strongest(ours, (self.owned, self.tracks), self._links, (found, added, total))
        return found, added, total

    @property
    def _links(self) -> tuple[Int64s, Rows, Floats]:
        return self.offsets, self.places, self.values


@dataclass(frozen=True)
class Retelling:
    """Sources that are asked about the same tracks with parts of histories.

    Args:
        sources: The fitted retrievers.
        names: Who is asked, num_sources of them.
        rows: [n, k] int32 the tracks, -1 padded.
        links: Of the sources that are `Linking`, by name.
        attended: Of those that are `Attending`.
    """

    sources: "Sources"
    names: Sequence[str]
    rows: Rows
    links: Mapping[str, Links]
    attended: Mapping[str, "Attended"]

    @classmethod
    def of(cls, sources: "Sources", names: Sequence[str], queries: Queries, rows: Rows) -> Self:
        """Prepare to be asked about tracks [n, k] int32 (-1 padded, no track twice in a query) of n queries."""
        asked = {name: sources.retrievers[name] for name in names if name in sources.retrievers}
        links = {
            name: Links.of(source.recent(queries), source.neighbours_, rows)
            for name, source in asked.items()
            if _links(source)
        }
        attended = {name: source.attended(queries) for name, source in asked.items() if _attends(source)}
        return cls(sources, names, rows, links, attended)

    def said(self, owners: Int64s, queries: Queries, places: Rows) -> Floats:
        """Score some of the tracks; as `Sources.said` does.

        Args:
            owners: [m] int64, the query whose history each of the m queries has a part of.
            queries: m queries.
            places: [m, w] int32 among the owners' tracks, -1 padded.

        Returns:
            [m, w, num_sources] float32, NaN where a source would never return the track, or was left out.
        """
        rows = np.where(places >= 0, self.rows[owners[:, None], places], np.int32(NO_ROW))
        told = np.full((*rows.shape, len(self.names)), np.nan, np.float32)
        for place, name in enumerate(self.names):
            source = self.sources.retrievers.get(name)
            if name in self.links:
                recent = cast("Linking", source).recent(queries)
                told[..., place] = self.links[name].at(owners, recent, places)
            elif name in self.attended:
                told[..., place] = cast("Attending", source).said_of_parts(
                    self.attended[name], owners, queries, rows
                )
            elif source is not None:
                told[..., place] = cast("Telling", source).said(queries, rows)
        return told


@numba.njit(cache=True, nogil=True)
def _cut(recent, links, wanted, kept):  # type: ignore[no-untyped-def]
    """Fill offsets, places and values with the wanted links of each entry of the histories.

    Hardly a link is wanted, so a first look asks, without a branch, who may be.
    """
    (offsets_of, columns, weights), (rows, table), (offsets, places, values), count = links, wanted, kept, 0
    marked, likely = np.zeros(MARKS, np.uint8), np.empty(_longest(offsets_of, recent[1]) + 1, np.int64)
    for query in range(len(rows)):
        own = rows[query]
        note_places(own, table)
        _mark(own, marked, 1)
        for entry in range(recent[0][query], recent[0][query + 1]):
            track, found = recent[1][entry], 0
            fetch_rows(links, recent[1], entry, recent[0][query + 1])
            for link in range(offsets_of[track], offsets_of[track + 1]):
                likely[found] = link
                found += marked[columns[link] & (MARKS - 1)]
            for link in likely[:found]:
                place = noted_place(columns[link], own, table)
                if place >= 0:
                    places[count], values[count] = place, weights[link]
                    count += 1
            offsets[entry + 1] = count
        _mark(own, marked, 0)


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
def _linked_at(ours, owned, links, wanted, told):  # type: ignore[no-untyped-def]
    """Fill told [m, w], adding up in the order of `sparse_rows.multiply_row`; totals have room for all of a query's tracks."""
    (owners, offsets, tracks, weights), (places, totals) = ours, wanted
    for query in range(len(places)):
        totals[:] = 0
        span = owned[0][owners[query]], owned[0][owners[query] + 1]
        later = span[0]
        for entry in range(offsets[query], offsets[query + 1]):
            place = next_place(tracks[entry], owned[1], span, later)
            if place < 0:
                continue
            later = place + 1
            for link in range(links[0][place], links[0][place + 1]):
                totals[links[1][link]] += weights[entry] * links[2][link]
        for slot in range(places.shape[1]):
            if places[query, slot] >= 0:
                told[query, slot] = totals[places[query, slot]]


@numba.njit(cache=True, nogil=True)
def _strongest(recent, owned, links, told):  # type: ignore[no-untyped-def]
    """Fill told [n, k]: the tracks that add most, what they add, and what all add, in the order of the histories."""
    (offsets, tracks, weights), (found, added, total) = recent, told
    for query in range(len(found)):
        span = owned[0][query], owned[0][query + 1]
        later = span[0]
        for entry in range(offsets[query], offsets[query + 1]):
            at = next_place(tracks[entry], owned[1], span, later)
            if at < 0:
                continue
            later = at + 1
            for link in range(links[0][at], links[0][at + 1]):
                place, gain = links[1][link], weights[entry] * links[2][link]
                total[query, place] += gain
                if gain > added[query, place]:
                    found[query, place], added[query, place] = tracks[entry], gain
