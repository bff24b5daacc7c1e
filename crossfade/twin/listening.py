"""A group of listeners living through the window, day by day; every step is vectorised over the group."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.audience import Audience
from crossfade.twin.choosing import choose
from crossfade.twin.draws import Floats, Ints, Places, draw, draw_shares
from crossfade.twin.memory import HEARD, Memory, keep
from crossfade.twin.moment import Moment
from crossfade.twin.music import Music
from crossfade.twin.offers import Bools, Offers
from crossfade.twin.playing import Listens, play
from crossfade.twin.playlists import OLDEST_DAYS, OwnPlaylists, fill_playlists, plan_playlists
from crossfade.twin.reactions import Reactions, react
from crossfade.twin.sessions import HOLIDAY_LISTENING, SUNDAY, Sessions, plan_sessions
from crossfade.twin.spec import TwinSpec
from crossfade.twin.tastes import boldness, cosines, interests_on, pooled

_DAYS_PER_WEEK: Final = 7
_REACH: Final = np.float32(1.0)  # what an artist's popularity adds to the log weight of turning to them
_LOYALTY: Final = np.float32(0.4)
_CHANCE_MEETING: Final = np.float32(0.4)  # share of taste in whom one meets; the rest decides what is played
_FITTING: Final = np.float32(
    0.5
)  # affinity at which every second track that was played on enters the library
# Libraries from before the window.
_USUAL_LIBRARY: Final = 70  # tracks of a listener with _USUAL_SESSIONS a day
_USUAL_SESSIONS: Final = 0.6
_LATE_LIBRARY: Final = 0.4  # of that for those who join later
_LEAST_LIBRARY: Final = 10
_MOST_LIBRARY: Final = 270
_USUAL_AGE_DAYS: Final = 200
_MEETINGS: Final = 12  # tracks of which one was kept
_OLD_FAVOURITES: Final = 8  # artists ...
_FAVOURITES_SHARE: Final = 0.5  # ... by whom this share of the library is


@dataclass(frozen=True)
class Days:
    """What a group did: one entry a day in each list.

    Args:
        sessions: Sessions of each day.
        listens: Their listens.
        reactions: What else they did.
        own: The group's playlists at the end.
        opened: [s] bool, which sessions of each day opened the slate that was offered.
    """

    sessions: list[Sessions]
    listens: list[Listens]
    reactions: list[Reactions]
    own: OwnPlaylists
    opened: list[Bools]


@dataclass(frozen=True)
class World:
    """What all listeners share: catalogue, national log weights [num_countries, num_artists], playlists."""

    spec: TwinSpec
    music: Music
    tilt: Floats
    editorial: Ints


def live(world: World, audience: Audience, rng: np.random.Generator) -> Days:
    """Let a group of listeners live through the window, with nothing offered to them.

    Args:
        world: What all listeners share.
        audience: The group.
        rng: Source of randomness, the group's own.
    """
    return Life(world, audience, rng).days(world.spec.num_days)


class Life:
    """A group of listeners whose days go on one after the other.

    Args:
        world: What all listeners share.
        audience: The group; who leaves since slates disappoint them is written into it.
        rng: Source of randomness, the group's own.
    """

    def __init__(self, world: World, audience: Audience, rng: np.random.Generator) -> None:
        music = world.music
        self._world, self._audience, self._rng, self._day = world, audience, rng, 0
        self._memory = Memory.blank(len(audience), len(music.latents), len(music.artists.latents))
        self._own = plan_playlists(audience, world.spec.num_days, rng)
        self.offers = Offers.none(len(audience))

    def draw_from(self, rng: np.random.Generator) -> None:
        """Go on with another source of randomness."""
        self._rng = rng

    def days(self, count: int) -> Days:
        """Live so many days on, with what `offers` holds, and return them."""
        days = Days([], [], [], self._own, [])
        for day in range(self._day, self._day + count):
            self._live(self._moment(day), days)
        self._day += count
        return days

    def _moment(self, day: int) -> Moment:
        world, audience, memory = self._world, self._audience, self._memory
        appeal = world.music.appeal(day)
        if day % _DAYS_PER_WEEK == 0:
            progress = day / world.spec.num_days
            self._interests = interests_on(audience.interests_start, audience.interests_end, progress)
            self._pull = _pull(world, audience, self._interests, memory, appeal)
        about = (world.music, appeal, audience, self._interests, self._pull, memory, self._own)
        return Moment(day, *about, world.editorial, self._rng)

    def _live(self, moment: Moment, days: Days) -> None:
        spec, music, day, rng = self._world.spec, self._world.music, moment.day, self._rng
        if day == 0:
            _remember_youth(moment)
        since = -OLDEST_DAYS if day == 0 else day
        fill_playlists(self._own, self._memory, music, since=since, day=day, rng=rng)
        if day % _DAYS_PER_WEEK == 0:
            self.offers.leave(moment)
        is_holiday = day in spec.holidays
        weekday = SUNDAY if is_holiday else (spec.start.weekday() + day) % _DAYS_PER_WEEK
        more = HOLIDAY_LISTENING if is_holiday else 1.0
        sessions = plan_sessions(self._audience, day, weekday, rng, more=more)
        opened = self.offers.opened(moment, sessions)
        listens = play(moment, sessions, *choose(moment, sessions, self.offers, opened))
        days.sessions.append(sessions)
        days.listens.append(listens)
        days.reactions.append(react(moment, sessions, listens))
        days.opened.append(opened)
        self.offers.learn(sessions, opened, listens)
        _remember(moment, sessions, listens)


def _pull(
    world: World, audience: Audience, interests: Floats, memory: Memory, appeal: npt.NDArray[np.float64]
) -> Floats:
    """Return [n, num_artists] cumulative weights of turning to an artist this week, 0 for unreleased ones."""
    artists = world.music.artists
    reach = np.add.reduceat(appeal, world.music.first_tracks[:-1])
    log_reach = np.log(reach, where=reach > 0, out=np.full(len(reach), -np.inf)).astype(np.float32)
    wishes = pooled(cosines(interests, artists.latents), audience.log_shares)
    wishes *= _CHANCE_MEETING * boldness(audience.adventurousness)[:, None]
    wishes += _REACH * log_reach + world.tilt[audience.countries]
    wishes += _LOYALTY * audience.loyalty[:, None] * np.log1p(memory.familiarity)
    np.exp(wishes - wishes.max(axis=1, keepdims=True), out=wishes)
    np.cumsum(wishes, axis=1, out=wishes)
    return wishes / wishes[:, -1:]


def _remember_youth(moment: Moment) -> None:
    """Give everybody a library from before the window."""
    audience, memory = moment.audience, moment.memory
    late = np.where(audience.first_days > 0, _LATE_LIBRARY, 1.0)
    sizes = _USUAL_LIBRARY * late * np.sqrt(audience.sessions_per_day / _USUAL_SESSIONS)
    sizes = np.clip(sizes, _LEAST_LIBRARY, _MOST_LIBRARY).astype(np.int64)
    users = np.repeat(np.arange(len(audience)), sizes)
    candidates = moment.tracks_of(_early_artists(moment, users), moment.uniforms(len(users), _MEETINGS))
    cosine = cosines(moment.interests[users], moment.music.latents[candidates])
    suits = np.argmax(cosine, axis=1)
    taste = pooled(cosine, audience.log_shares[users])
    rows, best = np.arange(len(users)), draw(moment.rng, moment.boldness[users, None] * taste)
    tracks = candidates[rows, best].astype(np.int32)
    fine = np.flatnonzero(moment.playable(users, tracks))
    users, tracks = users[fine], tracks[fine]
    keep(
        memory,
        users,
        tracks,
        taste=taste[rows, best][fine],
        interests=suits[rows, best][fine].astype(np.int8),
        days=-moment.rng.exponential(_USUAL_AGE_DAYS, len(fine)).astype(np.float32),
        rng=moment.rng,
    )
    memory.mark(users, tracks, HEARD)
    np.add.at(memory.familiarity, (users, moment.music.artist_rows[tracks]), np.float32(1))


def _early_artists(moment: Moment, users: Places) -> Places:
    """Return [n, 12] artists met early by each of [n] listeners: often one of a few old favourites."""
    everybody = np.repeat(np.arange(len(moment.audience)), _OLD_FAVOURITES)
    favourites = moment.seek(everybody).reshape(-1, _OLD_FAVOURITES)
    which = draw_shares(moment.rng, 1 / (1 + np.arange(_OLD_FAVOURITES)), len(users))
    loyal = moment.uniforms(len(users)) < _FAVOURITES_SHARE
    met = moment.seek(np.repeat(users, _MEETINGS)).reshape(-1, _MEETINGS)
    return np.where(loyal[:, None], favourites[users, which][:, None], met)


def _remember(moment: Moment, sessions: Sessions, listens: Listens) -> None:
    """Take a day's listens into memory."""
    users = sessions.users[listens.owners]
    moment.memory.mark(users, listens.tracks, HEARD)
    finished: Places = np.flatnonzero(~listens.skipped)
    artists = moment.music.artist_rows[listens.tracks[finished]]
    np.add.at(moment.memory.familiarity, (users[finished], artists), np.float32(1))
    chance = 1 / (1 + np.exp(-8 * (listens.taste[finished] - _FITTING)))
    kept = finished[moment.uniforms(len(finished)) < chance]
    keep(
        moment.memory,
        users[kept],
        listens.tracks[kept],
        taste=listens.taste[kept],
        interests=listens.interests[kept],
        days=np.full(len(kept), moment.day, np.float32),
        rng=moment.rng,
    )
