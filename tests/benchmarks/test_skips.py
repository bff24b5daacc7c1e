"""Strengths are judged by the affinity that was planted."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.skips import auc, judge, rank_correlation
from benchmarks.worlds import World
from tests import builders


def test_rank_correlation_and_auc_share_ties() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 30, 20])) == pytest.approx(0.5)
    assert auc(np.array([1.0, 2, 3, 4]), np.array([False, True, False, True])) == 0.75
    assert auc(np.zeros(4), np.array([False, True, False, True])) == 0.5


def test_skips_are_judged_alone_and_by_pairs() -> None:
    plays = [
        ("u", "a", 1, -0.9),
        ("u", "b", 2, -0.5),
        ("u", "b", 3, -0.3),
        ("u", "c", 4, -0.1),
        ("u", "d", 5, 1.0),
    ]
    dataset = builders.dataset(plays)
    loved = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    truth = SimpleNamespace(affinity=lambda _users, tracks: loved[tracks])
    world = World(dataset, truth)  # type: ignore[arg-type]
    found = judge(dataset.interactions, dataset.interactions, world)
    # d was not skipped. Sums: a -0.9, b -0.8, c -0.1, in the order of love; the skips of b stand between.
    assert found["pairs"] == pytest.approx(1)
    assert found["skips"] == pytest.approx(
        rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 2.5, 2.5, 4]))
    )
    assert found["auc"] == 1
