"""Popularity of slates is told against each user's own listening."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.policy import relative_popularity
from crossfade.evaluation.popularity import Popularity
from tests import builders


def test_slates_are_compared_with_the_users_own_plays() -> None:
    plays = [("u", "a", 1), ("u", "a", 2), ("u", "b", 3), ("u", "c", 4, -1.0), ("v", "a", 1), ("w", "c", 1)]
    dataset = builders.dataset(plays)
    queries = dataset.queries(np.array([0, 1, -1], np.int32), dataset.split.end)
    truth = SimpleNamespace(popularity=Popularity.of(dataset, dataset.split.end), queries=queries)
    # Listeners: a 2, b 1, c 2. u's plays: (2 + 2 + 1) / 3, v's: 2. Slates: b and c 1.5, b 1; the third has no plays.
    rows = np.array([[1, 2], [1, -1], [0, 0]], np.int32)
    expected = (1.5 + 1) / (5 / 3 + 2)
    assert relative_popularity(rows, truth) == pytest.approx(expected)  # type: ignore[arg-type]
