"""Weeks of a town under a way to choose; what was earned is known late."""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from benchmarks.bandits.shelves import DIM, SHELVES, SKIP_MS, Doubles, Known
from crossfade.experiments.bandits import Arms, Bandit, Feedback
from crossfade.schema.ids import Rows
from crossfade.twin.spec import TwinSpec
from crossfade.twin.town import DAYS_PER_WEEK, Town, Week

WARM_WEEKS: Final = 3
DELAY_WEEKS: Final = 1  # a playlist is made before the week of the one before is over
HALF_LIFE_DAYS: Final = 56.0
SECONDS_PER_WEEK: Final = 7 * 86_400
ALL: Final = np.arange(len(SHELVES), dtype=np.int32)


class Way(Protocol):
    """Chooses a kind of playlist for everybody, and is told later what it earned."""

    def choose(self, contexts: Doubles, week: int) -> Rows:
        """Return [num_users] int32 places among the kinds."""
        ...

    def learn(self, feedback: Feedback, week: int) -> None:
        """Take in what an earlier week's playlists earned."""
        ...


class _Deaf:
    """Chooses without learning."""

    def __init__(self, choose: Callable[[Doubles, int], Rows]) -> None:
        self.choose = choose

    def learn(self, feedback: Feedback, week: int) -> None:
        """Do nothing."""


def fixed(place: int) -> Way:
    """Return the way that chooses one kind for everybody."""
    return _Deaf(lambda contexts, _: np.full(len(contexts), place, np.int32))


def random() -> Way:
    """Return the way that draws."""
    return _Deaf(
        lambda contexts, week: (
            np.random.default_rng(week).integers(len(ALL), size=len(contexts)).astype(np.int32)
        )
    )


class _Learning:
    """Chooses as a bandit does."""

    def __init__(self, bandit: Bandit) -> None:
        self._bandit, self._told = bandit, list[Feedback]()
        self._arms = Arms.unknown(SHELVES, DIM)

    def choose(self, contexts: Doubles, week: int) -> Rows:
        """Return the first of each listener's order."""
        firsts = [
            self._bandit.order(self._arms, context, ALL, f"{week} {user}")[0][0]
            for user, context in enumerate(contexts)
        ]
        return np.array(firsts, np.int32)

    def learn(self, feedback: Feedback, week: int) -> None:
        """Weigh all that is known by its age anew."""
        self._told.append(feedback)
        arms = Arms.unknown(SHELVES, DIM)
        for each in self._told:
            arms = arms.learnt(each, week * SECONDS_PER_WEEK, HALF_LIFE_DAYS)
        self._arms = arms


def learning(bandit: Bandit) -> Way:
    """Return a bandit's way."""
    return _Learning(bandit)


def lived(way: Way, num_users: int, num_tracks: int, weeks: int, *, seed: int) -> tuple[float, float]:
    """Return the mean reward of opened playlists over weeks in which a way chooses them, and over the later half of these.

    A reward is the share of what was played of a playlist that was not skipped.
    """
    days = (WARM_WEEKS + weeks) * DAYS_PER_WEEK
    town = Town(TwinSpec(num_users=num_users, num_tracks=num_tracks, num_days=days, seed=seed))
    known, draws, waiting, earned = (
        Known.nothing(town),
        np.random.default_rng(seed),
        list[Feedback](),
        list[Doubles](),
    )
    for week in range(WARM_WEEKS + weeks):
        offered = np.empty((num_users, 0), np.int32)
        if week >= WARM_WEEKS:
            contexts = known.contexts()
            chosen = way.choose(contexts, week)
            offered = known.slates(week, draws)[chosen, np.arange(num_users)]
        happened = town.live(offered)
        known.learn(happened.log)
        if week >= WARM_WEEKS:
            users, rewards = _rewards(happened)
            earned.append(rewards)
            seconds = np.full(len(users), week * SECONDS_PER_WEEK)
            waiting.append(Feedback(contexts[users], chosen[users], rewards, seconds))
            if len(waiting) > DELAY_WEEKS:
                way.learn(waiting.pop(0), week)
    return float(np.concatenate(earned).mean()), float(np.concatenate(earned[weeks // 2 :]).mean())


def _rewards(week: Week) -> tuple[Rows, Doubles]:
    """Return listener and reward of each session that opened a playlist and played of it."""
    log, of_slate = week.log, week.from_slate & (week.log.played_ms >= 0)
    sessions, owners = np.unique(log.sessions[of_slate], return_inverse=True)
    wanted = np.bincount(owners, log.played_ms[of_slate] > SKIP_MS, len(sessions))
    users = np.zeros(len(sessions), np.int32)
    users[owners] = log.users[of_slate]
    return users, wanted / np.maximum(np.bincount(owners, minlength=len(sessions)), 1)
