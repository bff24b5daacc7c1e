"""What a history did with the artists and albums of its candidates: counted and read in one pass a query.

The counts of one history, some dozen, stay in the nearest cache from the first entry to the last candidate.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Queries
from crossfade.schema.ids import Rows

SPACIOUS: Final = 4  # places of the table for each entry of the longest history, a power of two in all


def artist_tallies(
    queries: Queries, of_entries: Rows, of_candidates: Rows, found: Floats, *, has_time: bool
) -> Floats:
    """Tell what each query did with the artist of each candidate.

    Args:
        queries: n queries with m entries.
        of_entries: [m] int32 artists, -1 unknown.
        of_candidates: [n, c] int32 artists, -1 unknown.
        found: [5, n, c] float32 to write to.
        has_time: Whether times mean something.

    Returns:
        `found`: log(1 + positive plays), summed strength, share of all positive plays, days since the last entry
        (NaN without any, or without times), and whether the last session has an entry; 0 for artists that are new.
    """
    table, longest = table_for(queries)
    histories = (queries.offsets, of_entries, queries.strengths, queries.seconds, queries.sessions)
    tallies = np.empty((longest, 4)), np.empty(longest, np.int32)
    _tally(histories, queries.as_of, (of_candidates, _logs(longest)), (table, tallies), found)
    if not has_time:
        found[3] = np.nan
    return found


def plays_log(liked: Queries, of_entries: Rows, of_candidates: Rows) -> Floats:
    """Return log(1 + entries) [n, c] float32 of each candidate's album [n, c], by the albums of entries [m]; -1 is unknown."""
    found = np.zeros(of_candidates.shape, np.float32)
    table, longest = table_for(liked)
    counts = np.empty(longest, np.int64), np.empty(longest, np.int32)
    _count((liked.offsets, of_entries), (of_candidates, _logs(longest)), (table, counts), found)
    return found


def table_for(queries: Queries) -> tuple[Rows, int]:
    """Return room for the table of names of the longest history, and its length."""
    return np.empty(1 << int(SPACIOUS * queries.longest).bit_length(), np.int32), queries.longest


def _logs(longest: int) -> npt.NDArray[np.float32]:
    return np.log1p(np.arange(longest + 1, dtype=np.float32))


@numba.njit(cache=True, nogil=True)
def _tally(histories, as_of, candidates, scratch, found):  # type: ignore[no-untyped-def]
    """Fill found [5, n, c]; tallies are plays, strength, latest second and whether in the last session, by artist."""
    (offsets, artists, strengths, seconds, sessions), (wanted, logs) = histories, candidates
    table, (tallies, names) = scratch
    for query in range(len(wanted)):
        table[:] = -1
        count, listens, last = 0, 0, offsets[query + 1] - 1
        for entry in range(offsets[query], offsets[query + 1]):
            listens += strengths[entry] > 0
            if artists[entry] < 0:
                continue
            slot = slot_of(artists[entry], names, table)
            if table[slot] < 0:
                table[slot], names[count] = count, artists[entry]
                tallies[count, 0], tallies[count, 1] = 0.0, 0.0
                tallies[count, 2], tallies[count, 3] = seconds[entry], 0.0
                count += 1
            known = np.uint32(table[slot])
            tallies[known, 0] += strengths[entry] > 0
            tallies[known, 1] += strengths[entry]
            tallies[known, 2] = max(tallies[known, 2], seconds[entry])
            tallies[known, 3] = max(tallies[known, 3], np.float64(sessions[entry] == sessions[last]))
        for place in range(wanted.shape[1]):
            own = table[slot_of(wanted[query, place], names, table)] if wanted[query, place] >= 0 else -1
            if own < 0:
                found[0, query, place] = found[1, query, place] = found[2, query, place] = 0
                found[3, query, place], found[4, query, place] = np.nan, 0
                continue
            found[0, query, place] = logs[int(tallies[own, 0])]
            found[1, query, place] = tallies[own, 1]
            found[2, query, place] = tallies[own, 0] / max(listens, 1)
            found[3, query, place] = (as_of[query] - tallies[own, 2]) / SECONDS_PER_DAY
            found[4, query, place] = tallies[own, 3]


@numba.njit(cache=True, nogil=True)
def _count(histories, candidates, scratch, found):  # type: ignore[no-untyped-def]
    (offsets, albums), (wanted, logs), (table, (counts, names)) = histories, candidates, scratch
    for query in range(len(wanted)):
        table[:] = -1
        count = 0
        for entry in range(offsets[query], offsets[query + 1]):
            if albums[entry] < 0:
                continue
            slot = slot_of(albums[entry], names, table)
            if table[slot] < 0:
                table[slot], names[count], counts[count] = count, albums[entry], 0
                count += 1
            counts[table[slot]] += 1
        for place in range(wanted.shape[1]):
            known = table[slot_of(wanted[query, place], names, table)] if wanted[query, place] >= 0 else -1
            found[query, place] = logs[counts[known]] if known >= 0 else np.float32(0)


@numba.njit(cache=True, nogil=True)
def slot_of(name, names, table):  # type: ignore[no-untyped-def]
    """Return where a name stands in the table, or where it would (linear probing), for other kernels too."""
    mask = len(table) - 1
    slot = (name * 40503) & mask
    while table[slot] >= 0 and names[table[slot]] != name:
        slot = (slot + 1) & mask
    return slot
