"""Shares of equal slates are those of planted tables, and who rested is who heard nothing since."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import unchanged
from benchmarks.unchanged import rested_of, shares, without_exploration
from benchmarks.weekly.stages import SURFACE
from benchmarks.weekly.world import SPLIT
from crossfade.recommender.recommend import Recommender
from tests.recommender import world
from tests.store.slates import slates
from tests.store.weeks import listening


def test_slates_are_compared_by_what_must_be_equal() -> None:
    users = ["a", "b", "c", "d"]
    first = pa.concat_tables(slates("g1", [user]) for user in users)
    rows = first.to_pylist()
    rows[0]["track_ids"] = ["g2/a/0", *rows[0]["track_ids"][1:]]  # another track
    rows[1]["track_ids"] = rows[1]["track_ids"][::-1]  # another order
    rows[2]["scores"] = [0.9, 0.5, 0.1]  # other scores
    found = shares(first, pa.Table.from_pylist(rows, first.schema), np.array([True, True, False, False]))
    assert (found["tracks_rested"], found["tracks_listened"]) == (0, 1)
    assert (found["but_scores_listened"], found["all_listened"]) == (1, 0.5)
    assert (found["tracks_in_any_order_rested"], found["tracks_in_any_order_listened"]) == (0.5, 1)
    assert found["tracks_shared_rested"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)


def test_who_heard_nothing_rested(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = listening()  # user u00 has heard nothing; u05 and later hear tracks at second 9 and later
    monkeypatch.setattr(unchanged, "SPLIT", SPLIT.__class__(0, 9, 100))
    assert rested_of(dataset).tolist() == [True] * 5 + [False] * 7


def test_without_exploration_nothing_else_changes(planted_world: Path, tmp_path: Path) -> None:
    recommender = Recommender.load(world.copied(planted_world, tmp_path))
    policy = without_exploration(recommender).policies[SURFACE]
    assert policy == recommender.policies[SURFACE].changed({"explore_places": []})
    assert policy.explore_places == ()
