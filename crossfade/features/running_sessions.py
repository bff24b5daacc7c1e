"""Running sessions, which a request brings along, and how one becomes the newest part of a history."""

from dataclasses import dataclass, replace

import numpy as np

from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.schema.ids import NO_ROW, Rows


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
    return replace(
        queries,
        offsets=queries.offsets + sessions.offsets,
        track_rows=np.insert(queries.track_rows, ends, sessions.track_rows),
        seconds=np.insert(queries.seconds, ends, np.maximum(queries.as_of[owners] - from_end, latest)),
        strengths=np.insert(queries.strengths, ends, sessions.strengths),
        sessions=np.insert(queries.sessions, ends, numbers),
    )
