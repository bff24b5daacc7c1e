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
