"""Reads what is known of tracks, and what a history says of their artists or albums, at all candidates of a batch.

One pass a query: the alternative, a gather for each feature over all candidates, waits for memory once for each of them.
"""

import numba
import numpy as np

from crossfade.features.interactions import Floats, Int64s
from crossfade.features.pairs import Pairs, find
from crossfade.schema.ids import Rows


def of_rows(table: Floats, rows: Rows) -> Floats:
    """Read the columns of a table at rows.

    Args:
        table: [num_rows, m] float32.
        rows: [n, c] int32 rows of it; -1 has nothing.

    Returns:
        [m, n, c] float32, NaN where the row is -1.
    """
    found = np.empty((table.shape[1], *rows.shape), np.float32)
    _of_rows(table, rows, found)
    return found


@numba.njit(cache=True, nogil=True)
def _of_rows(table, rows, found):  # type: ignore[no-untyped-def]
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            row = rows[query, place]
            for column in range(table.shape[1]):
                found[column, query, place] = table[row, column] if row >= 0 else np.float32(np.nan)


def of_pairs(pairs: Pairs, values: Floats, missing: Floats, columns: Rows) -> Floats:
    """Read values of pairs at the columns of each query's candidates.

    Args:
        pairs: p pairs of a query and a column (an artist, say).
        values: [p, m] float32.
        missing: [m] float32, what stands where there is no such pair.
        columns: [n, c] int32, -1 has no pair.

    Returns:
        [m, n, c] float32.
    """
    found = np.empty((values.shape[1], *columns.shape), np.float32)
    _of_pairs((pairs.table, pairs.keys), pairs.width, (values, missing), columns, found)
    return found


@numba.njit(cache=True, nogil=True)
def _of_pairs(pairs, width, values, columns, found):  # type: ignore[no-untyped-def]
    known, missing = values
    for query in range(columns.shape[0]):
        for place in range(columns.shape[1]):
            column, pair = columns[query, place], -1
            if column >= 0:
                pair = find(np.int64(query) * width + column, pairs[0], pairs[1])
            for i in range(len(missing)):
                found[i, query, place] = known[pair, i] if pair >= 0 else missing[i]


def of_countries(
    rows: Rows,
    by_track: tuple[Int64s, Rows, Floats],
    countries: tuple[Rows, Floats],
    plays: tuple[Floats, float],
) -> Floats:
    """Read how much of each candidate's audience is in its query's country.

    Args:
        rows: [n, c] int32 tracks.
        by_track: Offsets [num_tracks + 1], and the countries [p] and listens [p] of each track's entries.
        countries: The queries' rows [n] int32, -1 unknown, and their share of all listens [n] float32, NaN unknown.
        plays: All listens of each track [num_tracks] float32, and how many the country's share of all counts as.

    Returns:
        [n, c] float32.
    """
    found = np.empty(rows.shape, np.float32)
    _of_countries(rows, by_track, countries, (plays[0], np.float32(plays[1])), found)
    return found


@numba.njit(cache=True, nogil=True)
def _of_countries(rows, by_track, countries, plays, found):  # type: ignore[no-untyped-def]
    offsets, of_entries, listens = by_track
    all_listens, prior = plays
    for query in range(rows.shape[0]):
        country, share = countries[0][query], countries[1][query]
        for place in range(rows.shape[1]):
            track, there = rows[query, place], np.float32(0)
            for entry in range(offsets[track], offsets[track + 1]):
                if of_entries[entry] == country:
                    there = listens[entry]
            found[query, place] = (there + prior * share) / (all_listens[track] + prior)
