"""Groups of candidates: which teach, who is held out, and the NDCG of an order."""

import numpy as np
import pytest

from crossfade.ranking.groups import Groups
from tests.ranking.planted import GROUP, planted


def test_whole_users_are_held_out() -> None:
    groups = Groups(*planted(120))  # 60 users with two groups each
    held_out = groups.held_out(seed=1)
    assert held_out is not None
    watched, training = groups.where(held_out), groups.where(~held_out)
    assert set(watched.user_rows.tolist()).isdisjoint(training.user_rows.tolist())
    assert (len(watched.group_sizes), len(training.group_sizes)) == (24, 96)
    assert len(watched.features) == len(watched.labels) == 24 * GROUP


def test_too_few_users_are_not_split() -> None:
    assert Groups(*planted(12)).held_out(seed=1) is None


def test_groups_without_anything_wanted_are_left_out() -> None:
    features = np.arange(10, dtype=np.float32)[:, None]
    labels = np.array([0, 1, 0, 0, 0, 0, 2, 0, 0, 0], np.int32)
    sizes, users = np.array([3, 2, 5]), np.array([7, 8, 9], np.int32)
    taught = Groups(features, labels, sizes, users).taught()
    assert taught.user_rows.tolist() == [7, 9]
    assert taught.features[:, 0].tolist() == [0, 1, 2, 5, 6, 7, 8, 9]
    assert taught.owners.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_ndcg_is_the_discounted_gain_over_the_best_possible() -> None:
    labels, sizes = np.array([0, 1, 2, 1, 0], np.int32), np.array([3, 2])
    groups = Groups(np.zeros((5, 1), np.float32), labels, sizes, np.array([0, 1], np.int32))
    scores = np.array([3.0, 2.0, 1.0, 0.0, 5.0], np.float32)
    # First: gains 0, 1, 3 at places 1, 2, 3 against 3, 1, 0; second: 0, 1 against 1, 0.
    first = (1 / np.log2(3) + 3 / np.log2(4)) / (3 + 1 / np.log2(3))
    assert groups.ndcg(scores) == pytest.approx((first + 1 / np.log2(3)) / 2)
    assert groups.ndcg(-scores) == pytest.approx(1)
