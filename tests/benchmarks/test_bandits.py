"""The benchmark of bandits, small: kinds of playlists are what they say, rewards come late, and bars see both outcomes."""

import numpy as np
import pytest

from benchmarks import bandits
from benchmarks.bandits.shelves import SHELVES, K, Known
from benchmarks.bandits.weeks import ALL, fixed, learning, lived
from crossfade.experiments.bandits import Feedback, Thompson
from crossfade.twin.spec import TwinSpec
from crossfade.twin.town import Town

OWN, ANYTHING = SHELVES.index("own_genre"), SHELVES.index("anything")


def test_kinds_are_of_tracks_that_are_out_and_not_heard() -> None:
    town = Town(TwinSpec(num_users=30, num_tracks=200, num_days=28))
    known = Known.nothing(town)
    for _ in range(2):
        known.learn(town.live(np.empty((30, 0), np.int32)).log)
    slates = known.slates(2, np.random.default_rng(1))
    assert slates.shape == (len(SHELVES), 30, K)
    users = np.arange(30)[None, :, None]
    assert not (known.plays + known.skips)[users, slates].any()
    assert (town.music.release_days[slates] < 14).all()
    popular = known.plays.sum(axis=0)
    charts, small = (slates[SHELVES.index(name)] for name in ("charts", "small_artists"))
    assert popular[charts].mean() > 2 * popular[small].mean()


def test_what_suits_earns_more_and_a_bandit_finds_it() -> None:
    size = {"num_users": 40, "num_tracks": 200, "weeks": 5, "seed": 1}
    own, anything = (lived(fixed(place), **size)[0] for place in (OWN, ANYTHING))
    assert own > 1.3 * anything
    assert anything < lived(learning(Thompson(width=0.4)), **size)[1]


def test_an_arm_that_pays_is_chosen_once_it_is_known_to() -> None:
    way, contexts = learning(Thompson(width=0.1)), np.ones((40, 4))
    assert len(set(way.choose(contexts, 1).tolist())) == len(ALL)
    arms = np.tile(ALL, 40)
    paid = Feedback(np.ones((len(arms), 4)), arms, (arms == 2).astype(float), np.zeros(len(arms), np.int64))
    way.learn(paid, 2)
    assert (way.choose(contexts, 2) == 2).mean() > 0.9


@pytest.mark.parametrize(("regret", "holds"), [(0.09, True), (0.11, False)])
def test_bars(regret: float, holds: bool) -> None:
    figures = {f"{name}, later regret": regret for name in bandits.BANDITS} | {"random, later regret": 0.3}
    assert [bar.holds for bar in bandits.bars(figures).values()] == [holds, holds, True]
