"""Running sessions, which a request brings along, and how one becomes the newest part of a history."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.schema.ids import NO_ROW, Rows

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Sessions:
    """What n requests bring along: tracks just played, oldest first (a CSR layout).

    Args:
        offsets: [n + 1] int64.
        track_rows: [m] int32.
        strengths: [m] float32, signed as in `Interactions`.
    """

    offsets: Int64s
    track_rows: Rows
    strengths: Floats


def with_sessions(queries: Queries, sessions: Sessions) -> Queries:
    """Append each request's session to its history, a second apart and just before `as_of`."""
    counts = np.diff(sessions.offsets)
    if not counts.any():
        return queries
    owners = np.repeat(np.arange(len(queries)), counts)
    from_end = sessions.offsets[1:][owners] - np.arange(len(owners))
    ends = queries.offsets[1:][owners]
    latest = queries.last_seconds(1)[owners, 0]
    numbers = (int(queries.sessions.max(initial=NO_ROW)) + 1 + owners).astype(np.int32)
    # Every entry moves by the sessions of the queries before its own, and every session's by the histories up to its own.
    places = np.arange(len(queries.track_rows)) + sessions.offsets[:-1][queries.owners]
    new_places = np.arange(len(owners)) + ends

    def joined(column: npt.NDArray[Number], new: npt.NDArray[Number]) -> npt.NDArray[Number]:
        both = np.empty(len(column) + len(new), column.dtype)
        both[places], both[new_places] = column, new
        return both

    return replace(
        queries,
        offsets=queries.offsets + sessions.offsets,
        track_rows=joined(queries.track_rows, sessions.track_rows),
        seconds=joined(queries.seconds, np.maximum(queries.as_of[owners] - from_end, latest)),
        strengths=joined(queries.strengths, sessions.strengths),
        sessions=joined(queries.sessions, numbers),
    )
