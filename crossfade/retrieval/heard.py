"""What histories hold, each track once, and what is taken out of them to see what it was good for.

A source that sums over a history keeps what each heard track adds. Asked without some listens it leaves those out; all others
weigh as they did, as if the listens had been there and had said nothing.
"""

from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.retrieval.contract import Retriever, Scores
from crossfade.retrieval.sparse_rows import SparseRows, cleared
from crossfade.schema.ids import NO_ROW, Rows

# What is left of a sum of doubles that all was taken out of: less than this share of it is nothing.
RESIDUE: Final = 1e-10


@dataclass(frozen=True)
class Heard:
    """The tracks that n queries wanted, each once a query, the latest played first.

    Args:
        owned: [n + 1] int64; query i heard the tracks owned[i]:owned[i + 1].
        tracks: [p] int32.
        entries: [m] int32 place in `tracks` of each positive entry of the histories.
    """

    owned: Int64s
    tracks: Rows
    entries: Rows

    @classmethod
    def of(cls, queries: Queries) -> Self:
        """Find the tracks of n queries' positives."""
        liked = queries.positives
        tracks, entries = np.empty(len(liked.track_rows), np.int32), np.empty(len(liked.track_rows), np.int32)
        seen = cleared(int(liked.track_rows.max(initial=NO_ROW)) + 1)
        owned = _hear((liked.offsets, liked.track_rows), (tracks, entries), seen)
        return cls(owned, tracks[: owned[-1]], entries)

    def sums(self, weights: npt.NDArray[np.floating[Any]]) -> Floats:
        """Return [p] float32 what each track weighs, by weights of the positive entries [m]."""
        found = np.zeros(len(self.tracks), np.float32)
        _add_up(self.entries, weights, found)
        return found

    def read(self, weighed: SparseRows) -> Floats:
        """Return [p] float32 what each track weighs, by weights of tracks, sparse [n, num_tracks]; 0 where there is none."""
        found = np.empty(len(self.tracks), np.float32)
        places = cleared(weighed.width).view(np.float32)
        _read((weighed.indptr, weighed.indices, weighed.data), (self.owned, self.tracks), places, found)
        return found


@dataclass(frozen=True)
class Gone:
    """Tracks whose listens are taken out of histories, m times.

    Args:
        owners: [m] int64, the query whose history it is.
        offsets: [m + 1] int64; the tracks of `Heard` at places[offsets[i]:offsets[i + 1]] go.
        places: [e] int32.
        country_rows: [m] int32 country that is known then, -1 for none.
    """

    owners: Int64s
    offsets: Int64s
    places: Rows
    country_rows: Rows

    @property
    def columns(self) -> tuple[Int64s, Int64s, Rows]:
        """Owners, offsets and places, for kernels."""
        return self.owners, self.offsets, self.places


class Recalled(Protocol):
    """What a source said of a few tracks of each query, in parts that can be left out."""

    def without(self, gone: Gone, places: Rows) -> Scores:
        """Score some of the tracks again.

        Args:
            gone: What is taken out, m times.
            places: [m, w] int32 among the owner's tracks, -1 padded.

        Returns:
            [m, w] float32, NaN where the source would never return the track, or padded.
        """
        ...


class Recalling(Retriever, Protocol):
    """A source that can leave listens out of what it said."""

    def recalled(self, heard: Heard, queries: Queries, rows: Rows) -> Recalled:
        """Say what tracks [n, k] int32 (-1 padded, no track twice in a query) of n queries, who heard that, rest on."""
        ...


@numba.njit(cache=True, nogil=True)
def _hear(histories, found, seen):  # type: ignore[no-untyped-def]
    """Fill found (tracks, entries) and return offsets; seen [num_tracks], all 0 before and after, is one past a track's place."""
    (offsets, track_rows), (tracks, entries), count = histories, found, 0
    owned = np.zeros(len(offsets), np.int64)
    for query in range(len(offsets) - 1):
        for entry in range(offsets[query + 1] - 1, offsets[query] - 1, -1):
            track = track_rows[entry]
            if seen[track] == 0:
                tracks[count] = track
                count += 1
                seen[track] = count
            entries[entry] = seen[track] - 1
        for place in range(owned[query], count):
            seen[tracks[place]] = 0
        owned[query + 1] = count
    return owned


@numba.njit(cache=True, nogil=True)
def _add_up(places, weights, found):  # type: ignore[no-untyped-def]
    for entry in range(len(places)):
        found[places[entry]] += np.float32(weights[entry])


@numba.njit(cache=True, nogil=True)
def _read(weighed, heard, weights, found):  # type: ignore[no-untyped-def]
    """Fill found [p]; weights [num_tracks] are 0 before and after."""
    (offsets, columns, values), (owned, tracks) = weighed, heard
    for query in range(len(owned) - 1):
        for entry in range(offsets[query], offsets[query + 1]):
            weights[columns[entry]] = values[entry]
        for place in range(owned[query], owned[query + 1]):
            found[place] = weights[tracks[place]]
        for entry in range(offsets[query], offsets[query + 1]):
            weights[columns[entry]] = 0
