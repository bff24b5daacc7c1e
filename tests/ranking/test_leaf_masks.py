"""Masks of leaves: a tree by hand, and the library that grew the trees."""

from typing import Any

import lightgbm
import numpy as np
import pytest

from crossfade.features.interactions import Floats
from crossfade.ranking.gbdt import GbdtRanker
from crossfade.ranking.leaf_masks import ROWS_TOGETHER, LeafMasks
from crossfade.schema.settings import default_settings
from tests.ranking.planted import planted


class Told:
    """A booster that tells of given trees."""

    def __init__(self, *trees: dict[str, Any]) -> None:
        self._trees = trees

    def dump_model(self) -> dict[str, Any]:
        return {"tree_info": [{"tree_structure": tree} for tree in self._trees]}


def leaf(value: float) -> dict[str, Any]:
    return {"leaf_value": value}


def node(place: int, threshold: float, below: Any, above: Any, **more: Any) -> dict[str, Any]:
    asked = {"split_index": 0, "split_feature": place, "threshold": threshold, "decision_type": "<="}
    return {
        "missing_type": "NaN",
        "default_left": True,
        **asked,
        "left_child": below,
        "right_child": above,
    } | more


def some(rows: int, columns: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, columns)).round(2).astype(np.float32)
    found[rng.random(found.shape) < 0.2] = np.nan
    return found


def test_leaves_follow_from_the_answers() -> None:
    lower = node(1, 0.0, leaf(1), leaf(2), default_left=False)
    upper = node(1, -1.0, leaf(3), leaf(4), missing_type="None")
    masks = LeafMasks.of(Told(node(0, 0.5, lower, upper), leaf(0.25)))
    assert masks is not None
    nan = np.nan
    rows = np.array([[0.5, 0], [0.5, nan], [nan, -1], [0.6, -1], [0.6, 0], [0.6, nan]], np.float32)
    # Of equals the border is not passed. What is missing goes where it went in training; where there it never was, it is 0.
    np.testing.assert_array_equal(masks.predict(rows), np.array([1, 2, 1, 3, 4, 4]) + 0.25)


@pytest.mark.parametrize("num_leaves", [2, 20, 32, 33, 64])
def test_scores_are_the_librarys_to_the_last_bit(num_leaves: int) -> None:
    features = some(4000, 7)
    features[:, 0] = np.nan_to_num(features[:, 0])  # never missing in training
    wanted = np.nansum(features[:, :3], axis=1) * np.where(np.isnan(features[:, 4]), 2, -1)
    parameters = {"num_leaves": num_leaves, "min_data_in_leaf": 2, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, wanted), 30)
    masks = LeafMasks.of(booster)
    assert masks is not None
    assert masks.leaves.shape == (30, num_leaves)
    extreme = np.array([np.inf, -np.inf, -0.0, np.finfo(np.float32).max, 1e-40], np.float32)
    odd = np.where(np.arange(35).reshape(5, 7) % 3 == 0, extreme[:, None], some(5, 7, seed=2))
    asked = np.concatenate([features, odd, some(ROWS_TOGETHER + 1, 7, seed=1)])  # the last block is not full
    learnt = booster.predict(asked, num_threads=1)
    np.testing.assert_array_equal(masks.predict(asked), learnt)
    np.testing.assert_array_equal(masks.predict(np.asfortranarray(asked)), learnt)


def test_a_threshold_between_two_float32_parts_them_as_the_library_does() -> None:
    least = np.float32(0.1)
    between = float(least) + 1e-10
    masks = LeafMasks.of(
        Told(node(0, between, leaf(1), leaf(2)), node(0, float(least) - 1e-10, leaf(1), leaf(2)))
    )
    assert masks is not None
    rows = np.array([[least], [np.nextafter(least, np.float32(1))]], np.float32)
    np.testing.assert_array_equal(masks.predict(rows), [1 + 2, 2 + 2])


def test_other_trees_are_left_to_the_library() -> None:
    wide = lightgbm.train(
        {"num_leaves": 65, "min_data_in_leaf": 1, "verbosity": -1},
        lightgbm.Dataset(np.arange(4000.0).reshape(-1, 1), np.arange(4000.0)),
        1,
    )
    assert LeafMasks.of(wide) is None
    assert LeafMasks.of(Told(node(0, 0.5, leaf(1), leaf(2), missing_type="Zero"))) is None
    assert LeafMasks.of(Told(node(0, 0.5, leaf(1), leaf(2), decision_type="=="))) is None
    settings = default_settings().ranking.model_copy(
        update={"num_trees": 5, "num_leaves": 7, "min_leaf_rows": 5}
    )
    ranker = GbdtRanker(settings, seed=1).fit(*planted(60))
    features = planted(9, seed=2)[0]
    scored = ranker.predict(features)
    ranker.masks_ = None
    np.testing.assert_array_equal(ranker.predict(features), scored)


def test_no_trees_and_no_rows_score_nothing() -> None:
    none, one = LeafMasks.of(Told()), LeafMasks.of(Told(leaf(0.5)))
    assert none is not None
    assert one is not None
    np.testing.assert_array_equal(none.predict(np.zeros((3, 2), np.float32)), [0.0] * 3)
    np.testing.assert_array_equal(one.predict(np.zeros((3, 2), np.float32)), [0.5] * 3)
    assert len(one.predict(np.zeros((0, 2), np.float32))) == 0
