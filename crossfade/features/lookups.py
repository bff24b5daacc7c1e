"""Reads what is known of tracks and their artists at all candidates of a batch.

One pass a query: the alternative, a gather for each feature over all candidates, waits for memory once for each of them.
"""

from typing import Final

import numba
import numpy as np

from crossfade.features.catalogue import UNKNOWN_DAY
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Int64s
from crossfade.features.prefetching import AHEAD, FAR_AHEAD, fetch
from crossfade.schema.ids import NO_ROW, Rows

NEVER: Final = -1  # seconds of what nobody has heard yet


def of_rows(table: Floats, rows: Rows, found: Floats) -> Floats:
    """Read the columns of a table at rows.

    Args:
        table: [num_rows, m] float32.
        rows: [n, c] int32 rows of it; -1 has nothing.
        found: [m, n, c] float32 to write to.

    Returns:
        `found`, NaN where the row is -1.
    """
    _of_rows(table, rows, found)
    return found


@numba.njit(cache=True, nogil=True)
def _of_rows(table, rows, found):  # type: ignore[no-untyped-def]
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            if place + FAR_AHEAD < rows.shape[1]:
                fetch(table, rows[query, place + FAR_AHEAD], 0)
            row = rows[query, place]
            for column in range(table.shape[1]):
                found[column, query, place] = table[row, column] if row >= 0 else np.float32(np.nan)


def owners_of(rows: Rows, columns: tuple[Rows, Rows]) -> Rows:
    """Read the artist and the album, say, of tracks.

    Args:
        rows: [n, c] int32 tracks, -1 padded.
        columns: Two columns over all tracks [num_tracks] int32.

    Returns:
        [2, n, c] int32, -1 where padded.
    """
    found = np.empty((2, *rows.shape), np.int32)
    _owners_of(rows, columns, found)
    return found


@numba.njit(cache=True, nogil=True)
def _owners_of(rows, columns, found):  # type: ignore[no-untyped-def]
    first, second = columns
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            if place + FAR_AHEAD < rows.shape[1]:
                fetch(first, rows[query, place + FAR_AHEAD], 0)
                fetch(second, rows[query, place + FAR_AHEAD], 0)
            row = rows[query, place]
            found[0, query, place] = first[row] if row >= 0 else NO_ROW
            found[1, query, place] = second[row] if row >= 0 else NO_ROW


def ages_of(rows: Rows, moments: tuple[Rows, Int64s], as_of: Int64s) -> Floats:
    """Tell how old tracks are, in days.

    Args:
        rows: [n, c] int32 tracks, -1 padded.
        moments: Of each track: day of its release [num_tracks] int32, `UNKNOWN_DAY` where unknown, and UTC seconds of its
            first listen [num_tracks] int64, `NEVER` without one.
        as_of: [n] int64 UTC seconds.

    Returns:
        [2, n, c] float32: whole days since the release, and days since the first listen; NaN where it is not known,
        or padded.
    """
    found = np.empty((2, *rows.shape), np.float32)
    _ages_of(rows, moments, as_of / SECONDS_PER_DAY, found)
    return found


@numba.njit(cache=True, nogil=True)
def _ages_of(rows, moments, today, found):  # type: ignore[no-untyped-def]
    released, first = moments
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            if place + FAR_AHEAD < rows.shape[1]:
                fetch(released, rows[query, place + FAR_AHEAD], 0)
                fetch(first, rows[query, place + FAR_AHEAD], 0)
            track = rows[query, place]
            if track < 0:
                found[0, query, place] = found[1, query, place] = np.nan
                continue
            day, seconds = released[track], first[track]
            found[0, query, place] = np.nan if day == UNKNOWN_DAY else np.floor(today[query]) - day
            found[1, query, place] = np.nan if seconds == NEVER else today[query] - seconds / SECONDS_PER_DAY


def shares_of(rows: Rows, owners: Rows, listens: tuple[Floats, Floats]) -> Floats:
    """Return what share of its artist's listens each track has.

    Args:
        rows: [n, c] int32 tracks.
        owners: [n, c] int32 their artists, -1 unknown.
        listens: Of tracks [num_tracks] and of artists [num_artists], float32.

    Returns:
        [n, c] float32, NaN where the artist is unknown.
    """
    found = np.empty(rows.shape, np.float32)
    _shares_of(rows, owners, listens, found)
    return found


@numba.njit(cache=True, nogil=True)
def _shares_of(rows, owners, listens, found):  # type: ignore[no-untyped-def]
    of_tracks, of_artists = listens
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            if place + FAR_AHEAD < rows.shape[1]:
                fetch(of_tracks, rows[query, place + FAR_AHEAD], 0)
                fetch(of_artists, owners[query, place + FAR_AHEAD], 0)
            artist = owners[query, place]
            if artist >= 0:
                found[query, place] = of_tracks[rows[query, place]] / max(of_artists[artist], np.float32(1))
            else:
                found[query, place] = np.nan


def of_countries(
    rows: Rows,
    by_track: tuple[Int64s, Rows, Floats],
    countries: tuple[Rows, Floats],
    plays: tuple[Floats, float],
) -> Floats:
    """Read how much of each candidate's audience is in its query's country.

    Args:
        rows: [n, c] int32 tracks, -1 padded.
        by_track: Offsets [num_tracks + 1], and the countries [p] and listens [p] of each track's entries.
        countries: The queries' rows [n] int32, -1 unknown, and their share of all listens [n] float32, NaN unknown.
        plays: All listens of each track [num_tracks] float32, and how many the country's share of all counts as.

    Returns:
        [n, c] float32, NaN where padded.
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
            if place + 2 * AHEAD < rows.shape[1]:
                fetch(offsets, rows[query, place + 2 * AHEAD], 0)
            if place + AHEAD < rows.shape[1]:
                later = rows[query, place + AHEAD]
                fetch(of_entries, offsets[later], 0)
                fetch(listens, offsets[later], 0)
                fetch(all_listens, later, 0)
            track, there = rows[query, place], np.float32(0)
            if track < 0:
                found[query, place] = np.nan
                continue
            for entry in range(offsets[track], offsets[track + 1]):
                if of_entries[entry] == country:
                    there = listens[entry]
                    break
            found[query, place] = (there + prior * share) / (all_listens[track] + prior)
