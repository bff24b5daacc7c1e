"""Who listens today, when, where and in which mood."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.audience import Audience
from crossfade.twin.countries import COUNTRIES
from crossfade.twin.draws import Floats, Ints, Places, draw
from crossfade.twin.situations import ALBUM, COMMUTE, CONTEXTS, DAYPART_HOURS, DAYPART_SHARES, MOOD_LOGITS

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_MOST_LISTENS: Final = 60
_WEEKDAYS: Final = np.array([0.95, 0.95, 0.97, 1.0, 1.08, 1.1, 0.95])
_WEEKEND: Final = 5
SUNDAY: Final = 6
HOLIDAY_LISTENING: Final = 1.25  # times as many sessions as on a Sunday


@dataclass(frozen=True)
class Sessions:
    """Sessions of one day as columns.

    Args:
        users: [s] int64 listener.
        starts_ms: [s] int64 wished start since the window's start.
        contexts: [s] int64 index into `CONTEXTS`.
        moods: [s] int64 index into `MOODS`.
        focus: [s] int64 the interest that the listener is after.
        devices: [s] int64 index into `DEVICES`.
        shuffle: [s] bool.
        sizes: [s] int64 wished listens.
        impatience: [s] float32 added to the logit of a skip, the same all session long.
    """

    users: Places
    starts_ms: Places
    contexts: Places
    moods: Places
    focus: Places
    devices: Places
    shuffle: npt.NDArray[np.bool_]
    sizes: Places
    impatience: Floats

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.users)


def plan_sessions(
    audience: Audience, day: int, weekday: int, rng: np.random.Generator, *, more: float = 1.0
) -> Sessions:
    """Draw the sessions of one day (UTC) of the window, `more` times as many as usual; weekday 0 is Monday."""
    here = (audience.first_days <= day) & (day < audience.last_days)
    users = np.repeat(
        np.arange(len(audience)), rng.poisson(audience.sessions_per_day * here * _WEEKDAYS[weekday] * more)
    )
    dayparts = draw(rng, audience.dayparts[users] + np.log(DAYPART_SHARES))
    contexts = _contexts(audience, users, dayparts, weekday, rng)
    spread = rng.lognormal(-0.15, 0.55, len(users))
    typical = np.array([context.listens for context in CONTEXTS])[contexts]
    shuffled = np.array([context.shuffled for context in CONTEXTS])[contexts]
    return Sessions(
        users,
        day * _DAY_MS + _time_of_day_ms(audience.countries[users], dayparts, rng),
        contexts,
        draw(rng, audience.moods[users] + MOOD_LOGITS[dayparts]),
        draw(rng, audience.log_shares[users]),
        _devices(contexts, rng),
        rng.random(len(users)) < shuffled,
        np.clip(np.rint(typical * spread), 1, _MOST_LISTENS).astype(np.int64),
        rng.normal(0, 0.5, len(users)).astype(np.float32),
    )


def _contexts(
    audience: Audience, users: Places, dayparts: Places, weekday: int, rng: np.random.Generator
) -> Places:
    log_shares = np.log([context.shares for context in CONTEXTS]).T
    if weekday >= _WEEKEND:
        log_shares[:, COMMUTE] -= 1.5
        log_shares[:, ALBUM] += 0.2
    return draw(rng, audience.contexts[users] + log_shares[dayparts])


def _time_of_day_ms(countries: Ints, dayparts: Places, rng: np.random.Generator) -> Places:
    """Draw a local hour and turn it into UTC, the same UTC day, so that no release is heard early."""
    mean, spread = DAYPART_HOURS[dayparts].T
    offsets = np.array([country.utc_offset for country in COUNTRIES])[countries]
    hours = (rng.normal(mean, spread) - offsets) % 24
    return np.asarray(np.minimum(hours * _HOUR_MS, _DAY_MS - 1), np.int64)


def _devices(contexts: Places, rng: np.random.Generator) -> Places:
    shares = np.array([context.devices for context in CONTEXTS])
    cumulative = np.cumsum(shares, axis=1)[contexts]
    return np.asarray(np.sum(rng.random((len(contexts), 1)) >= cumulative[:, :-1], axis=1))
