"""Listening histories as columns: interactions of all users, and the queries cut from them as of a moment."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from crossfade.features.cutting import cut, mark_last_sessions, read_last
from crossfade.schema.ids import Rows

SECONDS_PER_DAY: Final = 86_400
ON_TIME: Final = np.iinfo(np.int64).min

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int8]
Number = TypeVar("Number", np.int32, np.int64)


@dataclass(frozen=True)
class Interactions:
    """What users did with tracks, sorted by user row, then time.

    Args:
        user_rows: [n] int32.
        track_rows: [n] int32.
        seconds: [n] int64 UTC seconds since 1970.
        strengths: [n] float32; above 0 wanted (a play over 30 s is 1, a save 5), below 0 skipped early (down to -1),
            0 neither. A positive interaction is one with strength > 0.
        sessions: [n] int32, numbered within the table; equal within a session of one user.
        situations: [n, 3] int8 device, shuffle and context, as places in the dataset's `traits`, -1 unknown; None
            where nothing is known of any.
        arrivals: [n] int64 UTC seconds at which the lake learnt of a back-fill, `ON_TIME` of what came on time; None where
            everything did.
    """

    user_rows: Rows
    track_rows: Rows
    seconds: Int64s
    strengths: Floats
    sessions: Rows
    situations: Codes | None = None
    arrivals: Int64s | None = None

    def __len__(self) -> int:
        """Return the number of interactions."""
        return len(self.user_rows)

    def where(self, mask: npt.NDArray[np.bool_ | np.int64]) -> "Interactions":
        """Return the interactions selected by a [n] bool mask or, in that order, by their positions."""
        return Interactions(
            self.user_rows[mask],
            self.track_rows[mask],
            self.seconds[mask],
            self.strengths[mask],
            self.sessions[mask],
            None if self.situations is None else self.situations[mask],
            None if self.arrivals is None else self.arrivals[mask],
        )

    def known_before(self, moment: int) -> npt.NDArray[np.bool_]:
        """Return [n] bool: what happened before a moment (UTC seconds) and had arrived by then."""
        happened = np.asarray(self.seconds < moment)
        return happened if self.arrivals is None else happened & (self.arrivals <= moment)

    def between(self, start: int, end: int) -> "Interactions":
        """Return the interactions with start <= seconds < end."""
        return self.where((self.seconds >= start) & (self.seconds < end))

    @cached_property
    def positive(self) -> npt.NDArray[np.bool_]:
        """[n] bool: strength > 0."""
        return np.asarray(self.strengths > 0)


@dataclass(frozen=True)
class Queries:
    """n requests as columns: who asks, when, and everything they did before that moment (a CSR layout).

    Query i owns entries offsets[i]:offsets[i + 1] of the history columns, oldest first, all before `as_of[i]`.

    Args:
        user_rows: [n] int32 rows in the users table, -1 for an unknown user.
        as_of: [n] int64 seconds; features may only use what happened before.
        country_rows: [n] int32, -1 unknown.
        explicit_allowed: [n] bool.
        offsets: [n + 1] int64.
        track_rows: [m] int32 history.
        seconds: [m] int64.
        strengths: [m] float32, signed as in `Interactions`.
        sessions: [m] int32.
        traits: [n, 6] int8 what is known of who asks and of when, in the order of `TRAITS`, as places in the dataset's
            `traits`, -1 unknown; None where nothing is known of any. Time of day is known only of those who are
            answered at once: a playlist of the week is heard at any hour.
        followed: [n, f] int32 artists whom each follows, the latest first, padded with -1; None where nobody does.
    """

    user_rows: Rows
    as_of: Int64s
    country_rows: Rows
    explicit_allowed: npt.NDArray[np.bool_]
    offsets: Int64s
    track_rows: Rows
    seconds: Int64s
    strengths: Floats
    sessions: Rows
    traits: Codes | None = None
    followed: Rows | None = None

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.user_rows)

    @cached_property
    def owners(self) -> Int64s:
        """[m] int64: the query that owns each history entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def slice(self, start: int, stop: int) -> "Queries":
        """Return queries start:stop with their histories (views)."""
        first, last = self.offsets[start], self.offsets[stop]
        return Queries(
            self.user_rows[start:stop],
            self.as_of[start:stop],
            self.country_rows[start:stop],
            self.explicit_allowed[start:stop],
            self.offsets[start : stop + 1] - first,
            self.track_rows[first:last],
            self.seconds[first:last],
            self.strengths[first:last],
            self.sessions[first:last],
            None if self.traits is None else self.traits[start:stop],
            None if self.followed is None else self.followed[start:stop],
        )

    def take(self, places: npt.NDArray[np.integer]) -> "Queries":
        """Return the queries at places [b], in that order, with their histories."""
        counts = np.diff(self.offsets)[places]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = np.repeat(self.offsets[:-1][places] - offsets[:-1], counts) + np.arange(offsets[-1])
        return self.asking(places).with_entries(offsets, *(column[entries] for column in self._entries))

    def asking(self, places: npt.NDArray[np.integer]) -> "Queries":
        """Return who asks, and when, at places [b], in that order, without any history."""
        return Queries(
            self.user_rows[places],
            self.as_of[places],
            self.country_rows[places],
            self.explicit_allowed[places],
            np.zeros(len(places) + 1, np.int64),
            self.track_rows[:0],
            self.seconds[:0],
            self.strengths[:0],
            self.sessions[:0],
            None if self.traits is None else self.traits[places],
            None if self.followed is None else self.followed[places],
        )

    @property
    def _entries(self) -> tuple[Rows, Int64s, Floats, Rows]:
        return self.track_rows, self.seconds, self.strengths, self.sessions

    def with_entries(
        self, offsets: Int64s, track_rows: Rows, seconds: Int64s, strengths: Floats, sessions: Rows
    ) -> "Queries":
        """Return the same queries with other histories, given as in the class."""
        return Queries(  # several times as fast as `replace`
            self.user_rows,
            self.as_of,
            self.country_rows,
            self.explicit_allowed,
            offsets,
            track_rows,
            seconds,
            strengths,
            sessions,
            self.traits,
            self.followed,
        )

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Queries":
        """Return the same queries with only the history entries selected by a [m] bool mask."""
        if np.count_nonzero(mask) == len(mask):
            return self
        return self.with_entries(*cut(self.offsets, self._entries, mask))

    @cached_property
    def longest(self) -> int:
        """Entries of the longest history."""
        return int(np.diff(self.offsets).max(initial=0))

    @cached_property
    def positives(self) -> "Queries":
        """The same queries with only positive history entries."""
        return self.keep(self.strengths > 0)

    @cached_property
    def last_sessions(self) -> "Queries":
        """The same queries with only the entries of their last session."""
        return self.keep(self.in_last_session)

    @cached_property
    def places_from_end(self) -> Int64s:
        """[m] int64: 0 for the last entry of each history, 1 for the one before it."""
        return np.asarray(self.offsets[1:][self.owners] - 1 - np.arange(len(self.track_rows)))

    @cached_property
    def in_last_session(self) -> npt.NDArray[np.bool_]:
        """[m] bool: history entries of the same session as the query's last entry."""
        marks = np.empty(len(self.sessions), np.bool_)
        mark_last_sessions(self.offsets, self.sessions, marks)
        return marks

    def last_tracks(self, length: int) -> Rows:
        """Return [n, length] int32: each query's last history tracks, most recent first, padded with -1."""
        return self._last(self.track_rows, length, np.int32(-1))

    def last_seconds(self, length: int) -> Int64s:
        """Return [n, length] int64: the seconds of `last_tracks`, 0 where padded."""
        return self._last(self.seconds, length, np.int64(0))

    def _last(self, column: npt.NDArray[Number], length: int, padding: Number) -> npt.NDArray[Number]:
        found = np.full((len(self), length), padding)
        read_last(self.offsets, column, found)
        return found
