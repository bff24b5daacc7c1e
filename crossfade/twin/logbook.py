"""From days to one log: sessions find their place in time, listens and reactions become events."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.tables import EventType
from crossfade.twin.draws import Floats, Ints, Places
from crossfade.twin.kinds import Origin
from crossfade.twin.listening import Days
from crossfade.twin.reactions import EVENT_TYPES

DAY_MS: Final = 86_400_000
_PAUSE_MS: Final = (
    31 * 60_000
)  # at least, between two sessions: longer than the gap by which the lake tells sessions apart
_LISTEN: Final = EVENT_TYPES.index(EventType.LISTEN)
_NO_LISTEN: Final = -1


@dataclass(frozen=True)
class Log:
    """Events as columns, in no particular order.

    Args:
        users: [n] int32.
        tracks: [n] int32.
        event_types: [n] int8 index into `EVENT_TYPES`.
        times_ms: [n] int64 since the window's start.
        played_ms: [n] int64, -1 where it is not a listen.
        sessions: [n] int64, numbered within the log.
        contexts: [n] int8.
        devices: [n] int8.
        shuffle: [n] bool.
        moods: [n] int8 of the session.
        mood_fit: [n] float32, NaN where it is not a listen.
        skip_probability: [n] float32, NaN where it is not a listen.
        countries: [n] int32 where it happened.
        origins: [n] int8 an `Origin`.
    """

    users: Ints
    tracks: Ints
    event_types: npt.NDArray[np.int8]
    times_ms: Places
    played_ms: Places
    sessions: Places
    contexts: npt.NDArray[np.int8]
    devices: npt.NDArray[np.int8]
    shuffle: npt.NDArray[np.bool_]
    moods: npt.NDArray[np.int8]
    mood_fit: Floats
    skip_probability: Floats
    countries: Ints
    origins: npt.NDArray[np.int8]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.users)

    def take(self, rows: Places) -> "Log":
        """Return the events at the given places."""
        return Log(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def join(logs: list[Log]) -> Log:
    """Append logs whose users and sessions are already numbered apart, and order the events by time."""
    whole = Log(
        **{field.name: np.concatenate([getattr(log, field.name) for log in logs]) for field in fields(Log)}
    )
    return whole.take(np.lexsort((whole.event_types, whole.users, whole.times_ms)))


def write_log(
    days: Days, homes: Ints, *, first_user: int, first_session: int, num_days: int, rng: np.random.Generator
) -> Log:
    """Make one group's log; what would happen after the window is left out.

    Args:
        days: What the group did.
        homes: [num_members] int32 countries of its listeners.
        first_user: Row of the group's first listener.
        first_session: Number of the group's first session.
        num_days: Length of the window.
        rng: Source of randomness.
    """
    before = _numbers_before(days.sessions)
    owners = np.concatenate([some.owners + start for some, start in zip(days.listens, before, strict=False)])
    rows, types = _events(days)
    starts = _starts_ms(days, owners)
    into_listen = np.where(types == _LISTEN, 0, rng.random(len(rows)))

    def listens(name: str, otherwise: float = 0) -> npt.NDArray[Any]:
        column = _column(days.listens, name)
        return np.where(types == _LISTEN, column[rows], column.dtype.type(otherwise))

    def sessions(name: str) -> npt.NDArray[Any]:
        return np.asarray(_column(days.sessions, name)[owners[rows]])

    begins = starts[owners] + _column(days.listens, "offsets_ms")
    users = sessions("users")
    log = Log(
        (users + first_user).astype(np.int32),
        _column(days.listens, "tracks")[rows],
        types,
        begins[rows] + (into_listen * _column(days.listens, "played_ms")[rows]).astype(np.int64),
        listens("played_ms", _NO_LISTEN),
        owners[rows] + first_session,
        sessions("contexts").astype(np.int8),
        sessions("devices").astype(np.int8),
        sessions("shuffle"),
        sessions("moods").astype(np.int8),
        listens("mood_fit", np.nan),
        listens("skip_probability", np.nan),
        homes[users],
        np.full(len(users), Origin.OWN, np.int8),
    )
    return log.take(np.flatnonzero(log.times_ms < num_days * DAY_MS))


def _numbers_before(days: Sequence[Sized]) -> Places:
    """Return [num_days + 1] how many entries come before each day."""
    return np.concatenate([[0], np.cumsum([len(day) for day in days])]).astype(np.int64)


def _column(days: Sequence[Any], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(day, name) for day in days])


def _events(days: Days) -> tuple[Places, npt.NDArray[np.int8]]:
    """Return the listen behind each event, and its type."""
    before = _numbers_before(days.listens)
    reactions = [some.listens + start for some, start in zip(days.reactions, before, strict=False)]
    rows = np.concatenate([np.arange(before[-1]), *reactions])
    types = np.concatenate(
        [np.full(before[-1], _LISTEN, np.int8), *(some.event_types for some in days.reactions)]
    )
    return rows, types


def _starts_ms(days: Days, owners: Places) -> Places:
    """Return the start of each session, later than wished where the listener's previous one lasts too long.

    A session starts at the latest of its wish and, for every earlier session of the listener, that one's wish
    plus all lengths between: a running maximum, taken within each listener.
    """
    users, wished = _column(days.sessions, "users"), _column(days.sessions, "starts_ms")
    lengths = np.zeros(len(users), np.int64)
    np.maximum.at(lengths, owners, _column(days.listens, "offsets_ms") + _column(days.listens, "played_ms"))
    order = np.lexsort((wished, users))
    taken = lengths[order] + _PAUSE_MS
    before = np.cumsum(taken) - taken
    slack = wished[order] - before
    # Listeners are kept apart by offsets larger than any difference, rising with the listener.
    apart = users[order] * (np.ptp(slack) + 1 if len(slack) else 1)
    starts = np.empty(len(users), np.int64)
    starts[order] = np.maximum.accumulate(slack + apart) - apart + before
    return starts
