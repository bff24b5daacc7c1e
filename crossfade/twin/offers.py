"""Slates that a service offers: who opens theirs, what of it is played, and whether listeners come to trust it or leave."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.draws import Floats, Ints, Places
from crossfade.twin.moment import Moment
from crossfade.twin.playing import Listens
from crossfade.twin.sessions import Sessions
from crossfade.twin.situations import BROWSE, PLAYLIST, RADIO

Bools = npt.NDArray[np.bool_]

_INSTEAD_OF: Final = (PLAYLIST, RADIO, BROWSE)  # contexts of who has no track in mind
_MOST_OPENED: Final = 0.6  # of such sessions, by who trusts the slates wholly
_FIRST_TRUST: Final = np.float32(0.5)
_LEARNING: Final = np.float32(0.1)  # weight of one session against all before it
_LEAVING: Final = 0.02  # a week, by who does not trust the slates at all


@dataclass
class Offers:
    """What is offered to a group of listeners, and how they take to it; changes week by week.

    Args:
        tracks: [n, k] int32 slate of each listener, -1 padded; k is 0 where nothing is offered.
        trust: [n] float32 in 0 to 1: how much of what they lately played of slates they did not skip.
    """

    tracks: Ints
    trust: Floats

    @classmethod
    def none(cls, num_users: int) -> "Offers":
        """Return the offers of a service that offers nothing, which is how a twin lives by itself."""
        return cls(np.empty((num_users, 0), np.int32), np.full(num_users, _FIRST_TRUST))

    def __bool__(self) -> bool:
        """Return whether anything is offered."""
        return bool(self.tracks.shape[1])

    def opened(self, moment: Moment, sessions: Sessions) -> Bools:
        """Draw in which sessions [s] listeners open their slate; nothing is drawn where nothing is offered."""
        if not self:
            return np.zeros(len(sessions), np.bool_)
        fits = np.isin(sessions.contexts, _INSTEAD_OF) & (self.tracks[sessions.users] >= 0).any(axis=1)
        wanted = moment.uniforms(len(sessions)) < _MOST_OPENED * self.trust[sessions.users]
        return np.asarray(fits & wanted)

    def played(self, moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Ints:
        """Return the tracks [m] of sessions that opened a slate: in its order, from the top or more seldom from further down.

        Args:
            moment: The day.
            sessions: Of the day.
            owners: [m] session of each listen.
            positions: [m] place in the session.
        """
        asked, rows = np.unique(owners, return_inverse=True)
        slates = self.tracks[sessions.users[asked]]
        sizes = np.maximum((slates >= 0).sum(axis=1), 1)
        starts = (moment.uniforms(len(asked)) ** 2 * sizes).astype(np.int64)
        enough = positions < sizes[rows]
        return np.where(enough, slates[rows, (starts[rows] + positions) % sizes[rows]], -1).astype(np.int32)

    def learn(self, sessions: Sessions, opened: Bools, listens: Listens) -> None:
        """Take a day's experience with slates into trust."""
        of_slates = opened[listens.owners]
        owners = listens.owners[of_slates]
        heard = np.bincount(owners, minlength=len(sessions))
        fine = np.bincount(owners, ~listens.skipped[of_slates], minlength=len(sessions))
        for session in np.flatnonzero(heard):  # in order: a listener may open theirs twice a day
            user = sessions.users[session]
            share = np.float32(fine[session] / heard[session])
            self.trust[user] += _LEARNING * (share - self.trust[user])

    def leave(self, moment: Moment) -> None:
        """Let some listeners leave for good today: the less they trust what they are offered, the likelier. Once a week."""
        if not self:
            return
        leaves = moment.uniforms(len(self.trust)) < _LEAVING * (1 - self.trust) ** 2
        last = moment.audience.last_days
        last[leaves] = np.minimum(last[leaves], moment.day)
