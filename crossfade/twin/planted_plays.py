"""Planted listens: sessions with tracks, lengths and pauses that become events."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.tables import EventType
from crossfade.twin.countries import COUNTRIES
from crossfade.twin.draws import Ints, Places, draw_shares
from crossfade.twin.kinds import Origin
from crossfade.twin.logbook import DAY_MS, Log
from crossfade.twin.music import Music
from crossfade.twin.reactions import EVENT_TYPES
from crossfade.twin.situations import CONTEXTS, LIBRARY
from crossfade.twin.spec import TwinSpec

HOUR_MS: Final = 3_600_000
PAID_MS: Final = 30_000  # services pay for a play of more than 30 s, so that is where a farm stops
_EVENING: Final = (17.0, 3.5)  # local hour at which a person starts, mean and spread


@dataclass(frozen=True)
class Scene:
    """What planting has at hand.

    Args:
        spec: Sizes and shares.
        music: The catalogue.
        own: The listeners' own events.
        farmed: The artist who is to be pushed.
        rng: Source of randomness.
    """

    spec: TwinSpec
    music: Music
    own: Log
    farmed: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Plays:
    """Planted listens, session by session.

    Args:
        users: [s] account of each session.
        starts_ms: [s] int64 since the window's start.
        countries: [s] int32.
        devices: [s] int8.
        owners: [n] session of each listen, rising.
        tracks: [n] int32.
        played_ms: [n] int64.
        pauses_ms: [n] int64 after it.
        origin: Who made them.
    """

    users: Places
    starts_ms: Places
    countries: Ints
    devices: npt.NDArray[np.int8]
    owners: Places
    tracks: Ints
    played_ms: Places
    pauses_ms: Places
    origin: Origin

    def log(self, music: Music, first_session: int, num_days: int) -> Log:
        """Return them as events; plays after the window, and of tracks that are not out by then, are left out."""
        takes = self.played_ms + self.pauses_ms
        ends = np.cumsum(takes)
        begins = ends - takes
        firsts = np.searchsorted(self.owners, np.arange(len(self.users)))
        times = self.starts_ms[self.owners] + begins - begins[firsts][self.owners]
        count = len(self.owners)
        log = Log(
            self.users[self.owners].astype(np.int32),
            self.tracks,
            np.full(count, EVENT_TYPES.index(EventType.LISTEN), np.int8),
            times,
            self.played_ms,
            self.owners + first_session,
            np.full(count, LIBRARY, np.int8),
            self.devices[self.owners],
            np.zeros(count, np.bool_),
            np.zeros(count, np.int8),
            np.zeros(count, np.float32),
            np.zeros(count, np.float32),
            self.countries[self.owners],
            np.full(count, self.origin, np.int8),
        )
        days = times // DAY_MS
        is_out = (music.release_days[self.tracks] <= days) & (days < music.withdrawn_days[self.tracks])
        return log.take(np.flatnonzero(is_out & (times < num_days * DAY_MS)))


def plays(
    scene: Scene,
    sessions: tuple[Places, Places, Ints, Places],
    listens: tuple[Ints, Places, Places],
    origin: Origin,
) -> Plays:
    """Put listens into sessions, each on a device.

    Args:
        scene: What is there.
        sessions: [s] users, starts in ms, countries, and sizes, which sum to n.
        listens: [n] tracks, played_ms, pauses_ms.
        origin: Who made them.
    """
    users, starts, countries, sizes = sessions
    owners = np.repeat(np.arange(len(users)), sizes)
    shares = np.array(CONTEXTS[LIBRARY].devices)
    devices = draw_shares(scene.rng, shares, len(users)).astype(np.int8)
    return Plays(users, starts, countries.astype(np.int32), devices, owners, *listens, origin)


def evening_starts_ms(scene: Scene, countries: npt.NDArray[np.integer[Any]]) -> Places:
    """Return [n] starts on any day, at an hour when people of each country listen."""
    offsets = np.array([country.utc_offset for country in COUNTRIES])[countries]
    hours = (scene.rng.normal(*_EVENING, len(countries)) - offsets) % 24
    days = scene.rng.integers(scene.spec.num_days, size=len(countries))
    return np.asarray(days * DAY_MS + hours * HOUR_MS, np.int64)


def any_starts_ms(scene: Scene, count: int) -> Places:
    """Return [count] starts at any time."""
    return scene.rng.integers(max(1, (scene.spec.num_days - 1) * DAY_MS), size=count)
