"""Farm accounts: they play for one artist, for money."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from crossfade.twin.draws import Ints, Places, draw_shares
from crossfade.twin.kinds import Origin
from crossfade.twin.planted_plays import PAID_MS, Plays, Scene, any_starts_ms, evening_starts_ms, plays

_REPEATED: Final = 3  # tracks that a looping account plays


@dataclass(frozen=True)
class _Style:
    """How a farm account plays: so as to be paid, and more or less careful not to be seen.

    Args:
        plays: Of a session.
        longest_ms: A play lasts from just over 30 s to this.
        pause_ms: Longest pause between two plays; `is_even` makes every start the same time after the one before.
        is_even: Whether it plays by the clock.
        covered: Share of plays of other, popular artists; a careful account plays those whole.
        plays_cover_whole: Whether it does.
        in_evening: Whether sessions begin when people listen, or at any hour.
    """

    plays: int
    longest_ms: int
    pause_ms: int
    is_even: bool
    covered: float
    plays_cover_whole: bool
    in_evening: bool


FARM_STYLES: Final = (
    _Style(60, 34_000, 1_500, False, 0.0, False, False),  # loops a few tracks
    _Style(25, 44_000, 20_000, False, 0.4, False, True),  # hides among other artists
    _Style(280, 40_000, 300_000, True, 0.2, False, False),  # one play every five minutes, day and night
    _Style(
        14, 58_000, 30_000, False, 0.5, True, True
    ),  # few plays at a time, every second one like a listener's
)


def farm_plays(scene: Scene, members: Places, countries: Ints) -> Plays:
    """Return the farm's listens: together the share of all listens that the spec asks for, each style as many.

    Args:
        scene: What is there.
        members: [m] farm accounts.
        countries: [m] int32 from where they play.
    """
    num_listens = int((scene.own.played_ms >= 0).sum())
    each = num_listens * scene.spec.farm_share / (1 - scene.spec.farm_share) / len(members)
    parts = []
    for place, member in enumerate(members):
        style = FARM_STYLES[place % len(FARM_STYLES)]
        sizes = _sizes(round(each), style.plays)
        here = np.full(len(sizes), countries[place])
        starts = evening_starts_ms(scene, here) if style.in_evening else any_starts_ms(scene, len(sizes))
        parts.append(
            (np.full(len(sizes), member), starts, here, sizes, *_styled(style, int(sizes.sum()), scene))
        )
    users, starts, here, sizes, tracks, played, pauses = (
        np.concatenate(each) for each in zip(*parts, strict=True)
    )
    return plays(scene, (users, starts, here, sizes), (tracks, played, pauses), Origin.FARM)


def _sizes(total: int, usual: int) -> Places:
    """Split a number of plays into sessions of about the usual size."""
    count = max(1, round(total / usual))
    return np.diff(np.round(np.linspace(0, max(total, 1), count + 1))).astype(np.int64)


def _styled(style: _Style, count: int, scene: Scene) -> tuple[Ints, Places, Places]:
    """Return tracks, played_ms and pauses_ms of one farm account's listens."""
    first, last = scene.music.first_tracks[scene.farmed : scene.farmed + 2]
    num_out = max(1, int((scene.music.release_days[first:last] <= 0).sum()))
    tracks = first + scene.rng.integers(min(_REPEATED, num_out) if not style.covered else num_out, size=count)
    is_cover = scene.rng.random(count) < style.covered
    tracks = np.where(is_cover, draw_shares(scene.rng, scene.music.appeal(0), count), tracks).astype(np.int32)
    played = scene.rng.integers(PAID_MS + 200, style.longest_ms, count)
    duration = scene.music.sound.durations_ms[tracks].astype(np.int64)
    played = np.where(is_cover & style.plays_cover_whole, duration, np.minimum(played, duration))
    pauses = style.pause_ms - played if style.is_even else scene.rng.integers(100, style.pause_ms, count)
    return tracks, played, pauses
