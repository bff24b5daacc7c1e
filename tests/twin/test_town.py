"""A town goes on week by week: like a twin where nothing is offered, and changed by what is."""

from collections import Counter

import numpy as np

from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS
from crossfade.twin.draws import Ints
from crossfade.twin.kinds import Origin
from crossfade.twin.logbook import DAY_MS
from crossfade.twin.spec import TwinSpec
from crossfade.twin.town import Town, Week
from crossfade.twin.twin import simulate

SPEC = TwinSpec(num_users=60, num_tracks=300, num_days=42, seed=5)
FARMED = TwinSpec(num_users=40, num_tracks=200, num_days=28, seed=5, farm_share=0.05)


def nothing(town: Town) -> Ints:
    return np.empty((town.spec.num_users, 0), np.int32)


def of_taste(town: Town, *, best: bool) -> Ints:
    """Offer everybody the ten tracks that they love most, or least, of those that are out."""
    users = np.arange(town.spec.num_users, dtype=np.int32)
    out = np.flatnonzero(town.music.release_days <= 0).astype(np.int32)
    loved = town.affinity(np.repeat(users, len(out)), np.tile(out, len(users))).reshape(len(users), -1)
    return out[np.argsort(-loved if best else loved, axis=1)[:, :10]]


def test_where_nothing_is_offered_a_town_lives_as_a_twin_does() -> None:
    town, twin = Town(SPEC), simulate(SPEC)
    week = town.live(nothing(town))
    assert len(week.openers) == 0
    assert not week.from_slate.any()
    pairs = [c.USER_ID, c.TRACK_ID, c.TIMESTAMP, c.PLAYED_MS]
    played = week.events.filter(week.log.played_ms >= 0).select(pairs).to_pylist()
    assert len(played) > 500
    alike = Counter(tuple(row.values()) for row in twin.events.select(pairs).to_pylist())
    assert not Counter(tuple(row.values()) for row in played) - alike
    assert town.users.equals(twin.users)
    assert town.tracks.equals(twin.tracks)
    assert week.events.schema.equals(EVENTS.schema)


def test_equal_towns_live_alike_and_a_farm_plays_in_every_week() -> None:
    lives: list[list[Week]] = []
    for _ in range(2):
        town = Town(FARMED)
        lives.append([town.live(of_taste(town, best=True)) for _ in range(2)])
    for first, second in zip(*lives, strict=True):
        assert first.events.equals(second.events)
        np.testing.assert_array_equal(first.openers, second.openers)
    ids, farmed = set[str](), town.farmed
    for number, week in enumerate(lives[0]):
        assert ((week.log.times_ms // DAY_MS) // 7 == number).all()
        ids |= set(week.events.column(c.EVENT_ID).to_pylist())
        bots = week.log.origins == Origin.FARM
        assert 0.03 < bots.sum() / len(bots) < 0.07
        assert (town.music.artist_rows[week.log.tracks[bots]] == farmed).mean() > 0.5
        assert set(week.log.users[bots]) <= set(range(40, 42))
    assert len(ids) == sum(len(week.log) for week in lives[0])


def test_sessions_with_a_slate_play_of_it_and_begin_when_it_is_opened() -> None:
    town = Town(SPEC)
    slates = of_taste(town, best=True)
    week = town.live(slates)
    log = week.log
    assert 0.05 < week.from_slate.mean() < 0.5
    assert (log.tracks[week.from_slate, None] == slates[log.users[week.from_slate]]).any(axis=1).all()
    for session in np.unique(log.sessions[week.from_slate]):
        mine = log.sessions == session
        opened = (week.openers == log.users[mine][0]) & (week.opened_ms == log.times_ms[mine].min())
        assert opened.sum() == 1


def test_trust_follows_taste_and_who_is_disappointed_opens_less_and_leaves_sooner() -> None:
    opened, trust, here = {}, {}, {}
    for best in (True, False):
        town = Town(SPEC)
        weeks = [town.live(of_taste(town, best=best)) for _ in range(4)]
        opened[best], trust[best] = sum(len(week.openers) for week in weeks[1:]), town.trust.mean()
        here[best] = town.is_here.sum()
    assert trust[True] > 0.53
    assert trust[False] < 0.47
    assert opened[True] > 1.3 * opened[False]
    assert here[True] >= here[False]
