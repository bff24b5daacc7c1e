"""A twin that goes on week by week: its listeners hear what a service offers them, and what they do decides what it learns."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from crossfade.twin.draws import Floats, Ints, Places
from crossfade.twin.farms import farm_plays
from crossfade.twin.listening import Days, Life
from crossfade.twin.logbook import DAY_MS, Log, join, write_log
from crossfade.twin.names import artist_names
from crossfade.twin.planted import farmed_artist, with_farm_accounts
from crossfade.twin.planted_plays import Scene
from crossfade.twin.spec import TwinSpec
from crossfade.twin.tables import artists_table, events_table, tracks_table, users_table
from crossfade.twin.tastes import cosines, interests_on, pooled
from crossfade.twin.twin import GROUPS, NAMES, PLANTED, make_world, random_of

DAYS_PER_WEEK: Final = 7


@dataclass(frozen=True)
class Week:
    """What happened in a week.

    Args:
        log: All of it, with where it came from.
        events: The same in the canonical schema; nothing in it tells a farm's plays from a listener's.
        openers: [m] int32 listener of each session that played the slate on offer.
        opened_ms: [m] int64 when it began, since the window's start.
        from_slate: [n] bool, events of the log that belong to such a session.
    """

    log: Log
    events: pa.Table
    openers: Ints
    opened_ms: Places
    from_slate: np.ndarray[tuple[int], np.dtype[np.bool_]]


class Town:
    """Listeners, their catalogue and a farm of bots, one week after the other; equal specs and slates give equal weeks.

    Superfans, hijacked accounts and travellers of a spec are left out: they need the whole window at once.

    Args:
        spec: What is simulated; `num_days` are the days over which tastes move and artists release.
    """

    def __init__(self, spec: TwinSpec) -> None:
        self.spec = spec
        self.world, self.audience = make_world(spec)
        self.music = self.world.music
        self._farm_rng = random_of(spec, PLANTED)
        self._accounts = with_farm_accounts(spec, self.music, self.audience, self._farm_rng)
        self._rng = random_of(spec, GROUPS)
        self._life = Life(self.world, self.audience, self._rng)
        self._week, self._sessions = 0, 0
        naming = random_of(spec, NAMES)
        names = artist_names(spec.artists, naming)
        self.tracks = tracks_table(spec, self.music, names, naming)
        self.artists = artists_table(spec, self.music, names)
        self.users = users_table(spec, self._accounts)

    @property
    def farmed(self) -> int:
        """Row of the artist whom the farm pushes."""
        return farmed_artist(self.music)

    @property
    def trust(self) -> Floats:
        """[num_users] float32: how much of what listeners lately played of slates they did not skip."""
        return self._life.offers.trust

    @property
    def is_here(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """[num_users] bool: who has come and has not left."""
        day = self._week * DAYS_PER_WEEK
        return (self.audience.first_days <= day) & (self.audience.last_days > day)

    def live(self, slates: Ints) -> Week:
        """Live one week on.

        Args:
            slates: [num_users, k] int32 track rows on offer, -1 padded; k is 0 where nothing is offered.
        """
        self._life.offers.tracks = slates
        days = self._life.days(DAYS_PER_WEEK)
        num_days = (self._week + 1) * DAYS_PER_WEEK
        own = write_log(
            days,
            self.audience.countries,
            first_user=0,
            first_session=self._sessions,
            num_days=num_days,
            rng=self._rng,
        )
        openers, opened_ms, of_slates = _opened(days, own, self._sessions)
        self._sessions += sum(len(sessions) for sessions in days.sessions)
        whole = join([own, *self._farmed(own)])
        events = events_table(self.spec, self.music, whole, f"event-w{self._week:03}-")
        self._week += 1
        return Week(whole, events, openers, opened_ms, np.isin(whole.sessions, of_slates))

    def forked(self, seed: int) -> "Town":
        """Return a copy of the town as it is now, whose further life is drawn from another seed: what else might happen."""
        other = deepcopy(self)
        other._rng = np.random.default_rng([self.spec.seed, GROUPS, seed])
        other._life.draw_from(other._rng)
        return other

    def affinity(self, users: Ints, tracks: Ints) -> Floats:
        """Return [n] float32: how much listeners love tracks today, as `Truth.affinity` has it."""
        audience = self.audience
        progress = min(1.0, self._week * DAYS_PER_WEEK / self.spec.num_days)
        interests = interests_on(audience.interests_start[users], audience.interests_end[users], progress)
        near = cosines(interests, self.music.latents[tracks][:, None, :])
        return np.asarray(pooled(near, audience.log_shares[users])[:, 0])

    def _farmed(self, own: Log) -> list[Log]:
        """Return this week's plays of the farm, if there is one."""
        count = self.spec.num_farm_accounts
        if not count:
            return []
        members = self.spec.num_users + np.arange(count)
        scene = Scene(
            replace(self.spec, num_days=DAYS_PER_WEEK), self.music, own, self.farmed, self._farm_rng
        )
        plays = farm_plays(scene, members, self._accounts.countries[members])
        later = replace(plays, starts_ms=plays.starts_ms + self._week * DAYS_PER_WEEK * DAY_MS)
        log = later.log(self.music, self._sessions, (self._week + 1) * DAYS_PER_WEEK)
        self._sessions += len(plays.users)
        return [log]


def _opened(days: Days, log: Log, first_session: int) -> tuple[Ints, Places, Places]:
    """Return listener, beginning and number of each session that opened a slate and played something."""
    numbers = first_session + np.flatnonzero(np.concatenate(days.opened))
    found, first = np.unique(log.sessions, return_index=True)  # listens come in order
    kept = first[np.isin(found, numbers)]
    return log.users[kept], log.times_ms[kept], log.sessions[kept]
