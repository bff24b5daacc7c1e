"""What the user tower reads of a history: the last distinct tracks, when each was last played, and how often."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Int64s, Queries
from crossfade.retrieval.sparse_rows import cleared
from crossfade.schema.ids import NO_ROW, Rows

# A history is searched this many times its length for distinct tracks: listeners repeat what they like.
REACH: Final = 8
MOST_PLAYS: Final = 255  # that a count tells apart
Counts = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Histories:
    """The histories of n queries, most recent track first, no track twice.

    Args:
        rows: [n, length] int32 tracks, padded with -1.
        ages: [n, length] float32 days since the last play of each.
        plays: [n, length] uint8 how often each was played, 0 where padded.
    """

    rows: Rows
    ages: Floats
    plays: Counts

    @classmethod
    def of(cls, queries: Queries, length: int, *, has_time: bool) -> "Histories":
        """Cut the histories of n queries from their positive interactions.

        Args:
            queries: Who asks, and when.
            length: Most tracks to read.
            has_time: False where seconds mean nothing; then all ages are 0.
        """
        positives = queries.positives
        starts, ends = positives.offsets[:-1], positives.offsets[1:]
        places, plays = last_distinct(positives.track_rows, starts, ends, length)
        rows, ages = np.empty(places.shape, np.int32), np.empty(places.shape, np.float32)
        _read((positives.track_rows, positives.seconds), (queries.as_of, has_time), places, (rows, ages))
        return cls(rows, ages, plays)


@numba.njit(cache=True, nogil=True)
def _read(entries, moments, places, found):  # type: ignore[no-untyped-def]
    """Fill rows and ages [n, length], in days, from entries (tracks [m], seconds [m]) at places [n, length].

    Moments are as of when [n], and whether times mean something.
    """
    (track_rows, seconds), (as_of, has_time), (rows, ages) = entries, moments, found
    for i in range(places.shape[0]):
        for j in range(places.shape[1]):
            place = places[i, j]
            rows[i, j], ages[i, j] = track_rows[place] if place >= 0 else NO_ROW, 0
            if place >= 0 and has_time:
                ages[i, j] = (as_of[i] - seconds[place]) / SECONDS_PER_DAY


def last_distinct(track_rows: Rows, starts: Int64s, ends: Int64s, length: int) -> tuple[Rows, Counts]:
    """Find the last distinct tracks of n stretches of entries.

    Args:
        track_rows: [m] int32 entries, oldest first within a stretch.
        starts: [n] int64 first entry of each stretch.
        ends: [n] int64 one past its last entry.
        length: Most tracks to find; at most 8 x length entries of a stretch are looked at.

    Returns:
        Places [n, length] int32 in the entries of each track's last play, most recent first, -1 padded, and
        plays [n, length] uint8 among the entries looked at (255 stands for more, too).
    """
    places: Rows = np.empty((len(starts), length), np.int32)
    plays: Counts = np.empty((len(starts), length), np.uint8)
    seen = cleared(int(track_rows.max(initial=NO_ROW)) + 1)
    _walk_back(np.ascontiguousarray(track_rows), starts, ends, seen, (places, plays))
    return places, plays


@numba.njit(cache=True, nogil=True)
def _walk_back(track_rows, starts, ends, seen, found):  # type: ignore[no-untyped-def]
    """Fill found (places, plays [n, length]); seen [num_tracks], all 0 before and after, is one past a track's place."""
    places, plays = found
    for i in range(len(starts)):
        count, first = 0, max(starts[i], ends[i] - REACH * places.shape[1])
        places[i], plays[i] = NO_ROW, 0
        for place in range(ends[i] - 1, first - 1, -1):
            track = track_rows[place]
            if seen[track] == 0:
                if count == places.shape[1]:
                    break
                places[i, count] = place
                count += 1
                seen[track] = count
            plays[i, seen[track] - 1] += plays[i, seen[track] - 1] < MOST_PLAYS
        for j in range(count):
            seen[track_rows[places[i, j]]] = 0
