"""What listeners remember: their library, the artists that they know, and what they did with each track."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.draws import Floats, Ints, Places, draw, gumbels, ranks_within

HEARD: Final = 1
SAVED: Final = 2
LIKED: Final = 4
DISLIKED: Final = 8
ADDED: Final = 16
KEPT: Final = 32  # in the library

_CAPACITY: Final = 384
_OBSESSION: Final = np.float32(1.6)  # log weight of what was just learned ...
_OBSESSION_DAYS: Final = np.float32(9.0)  # ... and how fast that fades
_TASTE: Final = 5.0
_HABIT: Final = 0.9


@dataclass
class Memory:
    """State of a group of listeners; changes day by day.

    Args:
        library: [n, capacity] int32 tracks that they come back to, -1 empty; the oldest make room.
        liking: [n, capacity] float32 log weight of coming back.
        learned: [n, capacity] float32 day on which a track entered.
        interests: [n, capacity] int8 the interest that a track belongs to.
        entered: [n] int64 tracks that ever entered.
        marks: [n, num_tracks] uint8 flags above.
        familiarity: [n, num_artists] float32 plays of each artist.
        follows: [n, num_artists] bool.
    """

    library: Ints
    liking: Floats
    learned: Floats
    interests: npt.NDArray[np.int8]
    entered: npt.NDArray[np.int64]
    marks: npt.NDArray[np.uint8]
    familiarity: Floats
    follows: npt.NDArray[np.bool_]

    @classmethod
    def blank(cls, num_users: int, num_tracks: int, num_artists: int) -> "Memory":
        """Return the memory of listeners who have heard nothing."""
        shape = (num_users, min(_CAPACITY, num_tracks))
        return cls(
            np.full(shape, -1, np.int32),
            np.full(shape, -np.inf, np.float32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.int8),
            np.zeros(num_users, np.int64),
            np.zeros((num_users, num_tracks), np.uint8),
            np.zeros((num_users, num_artists), np.float32),
            np.zeros((num_users, num_artists), np.bool_),
        )

    def mark(self, users: Places, tracks: Ints, flag: int) -> None:
        """Set a flag for pairs [m] of listener and track."""
        self.marks[users, tracks] |= np.uint8(flag)

    def has(self, users: Places, tracks: Ints, flags: int) -> npt.NDArray[np.bool_]:
        """Return [m] bool: any of the flags is set."""
        return (self.marks[users, tracks] & flags) > 0

    def wishes(self, users: Places, day: int) -> Floats:
        """Return [m, capacity] log weights of the library's places today, -inf where empty."""
        fading: Floats = np.exp((self.learned[users] - np.float32(day)) / _OBSESSION_DAYS)
        return np.asarray(self.liking[users] + _OBSESSION * fading)

    def recall(self, users: Places, day: int, rng: np.random.Generator) -> Ints:
        """Draw one library track for each of [m] listeners: [m] int32, -1 from an empty library."""
        return self.library[users, draw(rng, self.wishes(users, day))]


def keep(
    memory: Memory,
    users: Places,
    tracks: Ints,
    *,
    taste: Floats,
    interests: npt.NDArray[np.int8],
    days: Floats,
    rng: np.random.Generator,
) -> None:
    """Put tracks into libraries, each pair once; a full library forgets what entered first.

    Args:
        memory: Changed in place.
        users: [m] listeners.
        tracks: [m] tracks.
        taste: [m] affinity.
        interests: [m] the interest that the track suits best.
        days: [m] when it was learned.
        rng: Source of randomness.
    """
    _, first = np.unique(users * memory.marks.shape[1] + tracks, return_index=True)
    first = first[~memory.has(users[first], tracks[first], KEPT)]
    users, tracks = users[first], tracks[first]
    capacity = memory.library.shape[1]
    ranks = ranks_within(users)
    fits = ranks < capacity
    first, users, tracks, ranks = first[fits], users[fits], tracks[fits], ranks[fits]
    places = (memory.entered[users] + ranks) % capacity
    forgotten = memory.library[users, places]
    had = forgotten >= 0
    memory.marks[users[had], forgotten[had]] &= np.uint8(255 - KEPT)
    memory.mark(users, tracks, KEPT)
    memory.library[users, places] = tracks
    habit = rng.standard_normal(len(users), dtype=np.float32) * np.float32(_HABIT)
    memory.liking[users, places] = np.float32(_TASTE) * taste[first] + habit
    memory.learned[users, places] = days[first]
    memory.interests[users, places] = interests[first]
    memory.entered += np.bincount(users, minlength=len(memory.entered))


def library_order(memory: Memory, users: Places, day: int, extra: Floats, rng: np.random.Generator) -> Places:
    """Return [m, capacity] places of each listener's library in random order by weight, empty ones last."""
    keys = -(memory.wishes(users, day) + extra + gumbels(rng, extra.shape))
    return np.argsort(keys, axis=1)
