"""What reading scores at a few tracks instead of at all needs: a table of the tracks, and what was never added to."""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.retrieval.contract import Scores
from crossfade.schema.ids import Rows

FEWEST_SLOTS: Final = 1024
SPACIOUS: Final = (
    4  # a table of wanted tracks has so many slots for each, so that most others meet an empty one
)


def table_for(width: int) -> Rows:
    """Return an empty table for `note_places` of up to so many rows."""
    return np.empty(max(FEWEST_SLOTS, 1 << (SPACIOUS * width).bit_length()), np.int32)


@numba.njit(cache=True, nogil=True)
def note_places(rows, table):  # type: ignore[no-untyped-def]
    """Hash the places of rows [w], no row twice, -1 left out (linear probing)."""
    table[:] = -1
    for place in range(len(rows)):
        if rows[place] >= 0:
            slot = rows[place] & (len(table) - 1)
            while table[slot] >= 0:
                slot = (slot + 1) & (len(table) - 1)
            table[slot] = place


@numba.njit(cache=True, nogil=True)
def noted_place(row, rows, table):  # type: ignore[no-untyped-def]
    """Return the place of a row among rows [w] whose places were noted, -1 where it is not."""
    slot = row & (len(table) - 1)
    while table[slot] >= 0 and rows[table[slot]] != row:
        slot = (slot + 1) & (len(table) - 1)
    return table[slot]


def above_nothing(told: npt.NDArray[np.float32]) -> Scores:
    """Return sums of products, NaN where nothing was added: a source that counts never returns such a track."""
    return np.where(told > 0, told, np.float32(np.nan))
