"""Tables of symmetric trees: an oracle that asks every question one by one, and the library that grew them."""

import numpy as np

from crossfade.ranking.symmetric import SymmetricTreesRanker
from crossfade.ranking.tree_tables import ROWS_TOGETHER, TreeTables
from crossfade.schema.settings import default_settings
from tests.ranking.planted import planted


def test_leaves_follow_from_the_answers() -> None:
    # Two trees of two levels over three features; the second tree has one level, so its other question is never answered yes.
    places = np.array([[0, 2], [1, 0]], np.int32)
    borders = np.array([[0.5, -1.0], [0.0, np.inf]], np.float32)
    leaves = np.array([[1.0, 2.0, 4.0, 8.0], [0.25, 0.5, 99.0, 99.0]])
    tables = TreeTables(places, borders, leaves, scale=2.0, bias=-1.0)
    rows = np.array([[0.5, 0, -1], [0.6, 1, -1], [0, np.nan, 3], [np.nan, -1, np.nan], [9, 9, 9]], np.float32)
    # Of equals the border is not passed; a missing value passes none.
    expected = [1 + 0.25, 2 + 0.5, 4 + 0.25, 1 + 0.25, 8 + 0.5]
    np.testing.assert_array_equal(tables.predict(rows), 2 * np.array(expected) - 1)


def test_scores_are_the_librarys_to_the_last_bit() -> None:
    settings = default_settings().ranking.model_copy(update={"num_trees": 20, "depth": 4})
    ranker = SymmetricTreesRanker(settings, seed=3).fit(*planted(40))
    features = planted(2 * ROWS_TOGETHER // 20 + 1, seed=5)[0]  # the last block is not full
    learnt = ranker.model_.predict(features, thread_count=1)
    np.testing.assert_array_equal(ranker.tables_.predict(features), learnt)
    np.testing.assert_array_equal(ranker.tables_.predict(np.asfortranarray(features)), learnt)


def test_no_trees_and_no_rows_score_nothing() -> None:
    none = TreeTables(
        np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32), np.zeros((0, 1)), scale=1.0, bias=0.5
    )
    np.testing.assert_array_equal(none.predict(np.zeros((3, 2), np.float32)), [0.5] * 3)
    assert len(none.predict(np.zeros((0, 2), np.float32))) == 0
