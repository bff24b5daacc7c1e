"""Histories cut to some of their entries: one pass over the entries instead of one for each column and count."""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from crossfade.schema.ids import Rows

Int64s = npt.NDArray[np.int64]
Columns = tuple[Rows, Int64s, npt.NDArray[np.float32], Rows]


def cut(offsets: Int64s, columns: Columns, mask: npt.NDArray[np.bool_]) -> tuple[Any, ...]:
    """Keep the entries of a mask.

    Args:
        offsets: [n + 1] int64; query i owns entries offsets[i]:offsets[i + 1].
        columns: Tracks [m] int32, seconds [m] int64, strengths [m] float32 and sessions [m] int32.
        mask: [m] bool.

    Returns:
        The offsets [n + 1] and the columns of what is kept.
    """
    count = np.count_nonzero(mask)
    kept = tuple(np.empty(count, column.dtype) for column in columns)
    new_offsets = np.zeros(len(offsets), np.int64)
    _cut(offsets, columns, mask, (new_offsets, kept))
    return new_offsets, *kept


@numba.njit(cache=True, nogil=True)
def _cut(offsets, columns, mask, found):  # type: ignore[no-untyped-def]
    new_offsets, (tracks, seconds, strengths, sessions) = found
    count = 0
    for query in range(len(offsets) - 1):
        for entry in range(offsets[query], offsets[query + 1]):
            if mask[entry]:
                tracks[count], seconds[count] = columns[0][entry], columns[1][entry]
                strengths[count], sessions[count] = columns[2][entry], columns[3][entry]
                count += 1
        new_offsets[query + 1] = count


@numba.njit(cache=True, nogil=True)
def mark_last_sessions(offsets, sessions, marks):  # type: ignore[no-untyped-def]
    """Fill marks [m] bool: entries of the same session as the last one of their history."""
    for query in range(len(offsets) - 1):
        for entry in range(offsets[query], offsets[query + 1]):
            marks[entry] = sessions[entry] == sessions[offsets[query + 1] - 1]


@numba.njit(cache=True, nogil=True)
def read_last(offsets, column, found):  # type: ignore[no-untyped-def]
    """Fill found [n, length] with the last entries of histories, most recent first, as far as there are so many."""
    for query in range(len(found)):
        last = offsets[query + 1] - 1
        for place in range(min(found.shape[1], offsets[query + 1] - offsets[query])):
            found[query, place] = column[last - place]


@numba.njit(cache=True, nogil=True)
def histories_before(user_offsets, columns, user_rows, moment):  # type: ignore[no-untyped-def]
    """Return offsets [n + 1] and columns of what users [n] (-1 has nothing) did before a moment.

    `columns` are tracks, seconds, strengths and sessions of everybody; user u owns entries from user_offsets[u] on, oldest first.
    """
    offsets = np.zeros(len(user_rows) + 1, np.int64)
    for query in range(len(user_rows)):
        offsets[query + 1], user = offsets[query], user_rows[query]
        for entry in range(
            user_offsets[user] if user >= 0 else 0, user_offsets[user + 1] if user >= 0 else 0
        ):
            offsets[query + 1] += columns[1][entry] < moment
    size = offsets[-1]
    tracks, seconds = np.empty(size, np.int32), np.empty(size, np.int64)
    strengths, sessions = np.empty(size, np.float32), np.empty(size, np.int32)
    for query in range(len(user_rows)):
        count = offsets[query + 1] - offsets[query]
        first = user_offsets[user_rows[query]] if count else 0
        for place in range(count):
            at, entry = offsets[query] + place, first + place
            tracks[at], seconds[at] = columns[0][entry], columns[1][entry]
            strengths[at], sessions[at] = columns[2][entry], columns[3][entry]
    return offsets, tracks, seconds, strengths, sessions


@numba.njit(cache=True, nogil=True)
def joined(histories, new, as_of, number):  # type: ignore[no-untyped-def]
    """Return histories (offsets, tracks, seconds, strengths, sessions) with new entries (offsets, tracks, strengths) behind them.

    They come a second apart, the last one a second before `as_of` [n] and none before the history; their sessions are numbered
    from `number` on by query.
    """
    offsets, (new_offsets, new_tracks, new_strengths) = histories[0], new
    size = offsets[-1] + new_offsets[-1]
    tracks, seconds = np.empty(size, np.int32), np.empty(size, np.int64)
    strengths, sessions, at = np.empty(size, np.float32), np.empty(size, np.int32), 0
    for query in range(len(offsets) - 1):
        latest = np.int64(0)
        for entry in range(offsets[query], offsets[query + 1]):
            latest = histories[2][entry]
            tracks[at], seconds[at] = histories[1][entry], latest
            strengths[at], sessions[at] = histories[3][entry], histories[4][entry]
            at += 1
        for entry in range(new_offsets[query], new_offsets[query + 1]):
            tracks[at], strengths[at] = new_tracks[entry], new_strengths[entry]
            seconds[at] = max(as_of[query] - (new_offsets[query + 1] - entry), latest)
            sessions[at] = number + query
            at += 1
    return offsets + new_offsets, tracks, seconds, strengths, sessions
