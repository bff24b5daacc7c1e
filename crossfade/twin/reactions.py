"""What listeners do besides listening: save, like, dislike, add to a playlist, follow; each at most once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.tables import EventType
from crossfade.twin.draws import Floats, Ints, Places
from crossfade.twin.memory import ADDED, DISLIKED, LIKED, SAVED, Memory
from crossfade.twin.moment import Moment
from crossfade.twin.playing import Listens
from crossfade.twin.sessions import Sessions

EVENT_TYPES: Final = tuple(EventType)


@dataclass(frozen=True)
class _Habit:
    """A reaction to a track: its flag, its chance for an average listener, and how affinity moves it."""

    event_type: EventType
    flag: int
    chance: float
    slope: float
    after_skip: bool


_HABITS: Final = (
    _Habit(EventType.SAVE, SAVED, 0.06, 7.0, after_skip=False),
    _Habit(EventType.LIKE, LIKED, 0.05, 7.0, after_skip=False),
    _Habit(EventType.ADD_TO_PLAYLIST, ADDED, 0.03, 6.0, after_skip=False),
    _Habit(EventType.DISLIKE, DISLIKED, 0.012, -6.0, after_skip=True),
)
_USUAL_TASTE: Final = 0.7
_FOLLOW_CHANCE: Final = 0.01


@dataclass(frozen=True)
class Reactions:
    """Reactions of one day as columns.

    Args:
        listens: [r] int64 the listen during which it happened.
        event_types: [r] int8 index into `EVENT_TYPES`.
    """

    listens: Places
    event_types: npt.NDArray[np.int8]


def react(moment: Moment, sessions: Sessions, listens: Listens) -> Reactions:
    """Draw the reactions to a day's listens and remember them."""
    users = sessions.users[listens.owners]
    found = [_to_tracks(moment, users, listens, habit) for habit in _HABITS]
    follows = _follows(moment, users, listens)
    types = [habit.event_type for habit in _HABITS] + [EventType.FOLLOW]
    codes = np.array([EVENT_TYPES.index(event_type) for event_type in types], np.int8)
    rows = [*found, follows]
    return Reactions(np.concatenate(rows), np.repeat(codes, [len(some) for some in rows]))


def _to_tracks(moment: Moment, users: Places, listens: Listens, habit: _Habit) -> Places:
    chance = (
        habit.chance
        * moment.audience.thumbs[users]
        / (1 + np.exp(-habit.slope * (listens.taste - np.float32(_USUAL_TASTE))))
    )
    wanted = (moment.uniforms(len(users)) < chance) & (listens.skipped == habit.after_skip)
    rows = np.flatnonzero(wanted)
    rows = rows[~moment.memory.has(users[rows], listens.tracks[rows], habit.flag)]
    rows = _first_of_pairs(users[rows], listens.tracks[rows], rows)
    moment.memory.mark(users[rows], listens.tracks[rows], habit.flag)
    return rows


def _follows(moment: Moment, users: Places, listens: Listens) -> Places:
    artists = moment.music.artist_rows[listens.tracks]
    memory: Memory = moment.memory
    known: Floats = np.log1p(memory.familiarity[users, artists])
    chance = _FOLLOW_CHANCE * moment.audience.thumbs[users] * known
    rows = np.flatnonzero(
        (moment.uniforms(len(users)) < chance) & ~listens.skipped & ~memory.follows[users, artists]
    )
    rows = _first_of_pairs(users[rows], artists[rows], rows)
    memory.follows[users[rows], artists[rows]] = True
    return rows


def _first_of_pairs(users: Places, others: Ints, rows: Places) -> Places:
    """Keep the first of rows that have the same listener and track (or artist)."""
    _, first = np.unique((users << 32) + others, return_index=True)
    return np.asarray(rows[np.sort(first)])
