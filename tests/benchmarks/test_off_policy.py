"""The benchmark of off-policy estimates, small: a town's log holds what policies earn there, and bars see both outcomes."""

import numpy as np
import pytest

from benchmarks import off_policy
from benchmarks.off_policy.judging import Judge
from benchmarks.off_policy.place import PLACES, PRESENT, K, Place


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Place.of(100, 300, 3))


def test_intervals_hold_what_a_policy_earns_in_the_town(judge: Judge) -> None:
    careful, weeks = off_policy.JUDGED["careful"], [judge.logged(PRESENT, seed) for seed in range(6)]
    true = judge.truth(careful, 1000, 10)
    covered = judge.covered(weeks, careful, true)
    assert set(covered) == {"ips", "snips", "doubly robust"}
    assert min(covered.values()) >= 0.8
    assert judge.gated([weeks[:3], weeks[3:]], PRESENT)["refused"] == 0  # the same policy is never worse
    assert judge.refuses_unsupported(weeks[0])


def test_a_week_is_played_from_the_slates_and_luck_is_the_seeds(judge: Judge) -> None:
    rows, propensities = judge.place.slates(PRESENT)
    assert rows.shape == (100, K)
    np.testing.assert_allclose(judge.place.chances(PRESENT).of(rows), propensities, atol=1e-6)
    assert (propensities < 1).any(axis=0).nonzero()[0].tolist() == list(PLACES)
    users, rewards = judge.place.week(rows, 1)
    assert rewards.shape == (len(users), K)
    assert 0 < rewards.mean() < 1
    again, other = judge.place.week(rows, 1), judge.place.week(rows, 2)
    assert np.array_equal(again[1], rewards)
    assert not np.array_equal(other[1], rewards)


def test_bars_see_who_is_taken_in() -> None:
    good = {"curious, covered by ips": 0.95, "curious, refused": 1.0, "curious, looks_better": 1.0}
    good |= {"worse_by": 0.08, "unsupported_refused": 1.0}
    assert all(bar.holds for bar in off_policy.bars(good).values())
    bad = {
        "curious, covered by ips": 0.89,
        "curious, refused": 0.5,
        "unsupported_refused": 0.0,
        "worse_by": 0.0,
    }
    found = off_policy.bars(good | bad)
    assert {name for name, bar in found.items() if not bar.holds} == set(bad)
