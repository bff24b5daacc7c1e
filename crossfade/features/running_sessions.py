"""Running sessions, which a request brings along, and how one becomes the newest part of a history."""

from dataclasses import dataclass

from crossfade.features.cutting import joined
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
    if not len(sessions.track_rows):
        return queries
    number = int(queries.sessions.max(initial=NO_ROW)) + 1
    histories = (queries.offsets, queries.track_rows, queries.seconds, queries.strengths, queries.sessions)
    new = sessions.offsets, sessions.track_rows, sessions.strengths
    return queries.with_entries(*joined(histories, new, queries.as_of, number))
