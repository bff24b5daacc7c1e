"""EASE against column-wise ridge regression in NumPy, and on a head whose tail says nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from crossfade.retrieval.contract import top_k
from crossfade.retrieval.ease import Ease, closed_form, most_listened, spread
from crossfade.retrieval.neighbours import baskets
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import default_settings
from tests import builders
from tests.retrieval import worlds


def model(num_neighbours: int = 5, head: int = 100, regularization: float = 1.0) -> Ease:
    changes = {"head": head, "regularization": regularization, "neighbours": num_neighbours}
    return Ease(default_settings().ease.model_copy(update=changes))


def test_weights_solve_the_ridge_regression_of_each_column_from_the_others() -> None:
    random = np.random.default_rng(0)
    histories = (random.random((20, 6)) < 0.4).astype(np.float32)
    weights = closed_form(scipy.sparse.csr_matrix(histories), 0.7)
    for column in range(6):
        others = np.delete(np.arange(6), column)
        left = histories[:, others].astype(float)
        # b = (Z'Z + regularization I)^-1 Z'y, with Z the other columns and y this one.
        solved = np.linalg.solve(left.T @ left + 0.7 * np.eye(5), left.T @ histories[:, column])
        np.testing.assert_allclose(weights[others, column], solved, rtol=1e-4, atol=1e-6)
        assert weights[column, column] == 0


def test_each_track_keeps_what_it_speaks_for_most() -> None:
    world = worlds.planted()
    fitted = model(num_neighbours=2).fit(world).neighbours_.toarray()
    acts = world.interactions
    weights = np.zeros_like(fitted)
    heard = np.unique(acts.track_rows)
    columns = baskets(acts, acts.track_rows, len(world.catalogue))[:, heard]
    weights[np.ix_(heard, heard)] = closed_form(columns, 1.0)
    for found, row in zip(fitted, weights, strict=True):
        best = np.argsort(-row, kind="stable")[:2]
        np.testing.assert_allclose(found[best], np.maximum(row[best], 0), rtol=1e-4, atol=1e-7)
        assert np.count_nonzero(found) == np.count_nonzero(row[best] > 0)


def test_the_tail_neither_asks_nor_answers() -> None:
    plays = [(f"u{i}", name, 1.0 + day) for i in range(4) for day, name in enumerate("ab")]
    dataset = builders.dataset([*plays, ("rare", "a", 1.0), ("rare", "t", 2.0)])
    fitted = model(head=2, regularization=0.1).fit(dataset)
    assert fitted.neighbours_.toarray()[2].tolist() == [0, 0, 0]
    assert fitted.neighbours_.toarray()[:, 2].tolist() == [0, 0, 0]
    u0 = dataset.users.ids.rows(["u0"])
    rows, _ = fitted.recommend(dataset.queries(u0, 10**9), 3)
    assert set(rows[0]) == {0, 1, -1}


def test_most_listened_counts_plays_and_takes_the_lower_row_of_equals() -> None:
    plays = np.array([3, 3, 1, 2, 5], np.int32)
    assert most_listened(plays, 6, 3).tolist() == [1, 2, 3]
    assert most_listened(plays, 6, 100).tolist() == [1, 2, 3, 5]


def test_spread_moves_places_of_the_head_to_rows_of_the_catalogue() -> None:
    ranking = top_k(np.array([[0.0, 0.5], [-1.0, 0.0]], np.float32), 2)
    table = spread(ranking, np.array([1, 4], np.int32), 5).toarray()
    assert table[1].tolist() == [0, 0, 0, 0, 0.5]
    assert np.count_nonzero(table) == 1


def test_nothing_to_learn_from_answers_nobody() -> None:
    empty = builders.dataset([], builders.catalogue([{"track_id": "a"}]))
    rows, _ = model().fit(empty).recommend(empty.queries(np.array([-1], np.int32), 0), 2)
    assert rows.tolist() == [[-1, -1]]


def test_without_timestamps_nothing_fades() -> None:
    world = worlds.planted()
    timeless = replace(world, split=replace(world.split, has_time=False))
    fitted = model().fit(timeless)
    queries = world.queries(np.array([0], np.int32), worlds.NOW)
    recent = np.bincount(queries.track_rows[queries.in_last_session], minlength=16) * 0.5
    history = np.bincount(queries.track_rows, minlength=16) + recent
    best = np.argsort(-(history @ fitted.neighbours_.toarray()), kind="stable")[:3]
    assert fitted.recommend(queries, 3)[0][0].tolist() == best.tolist()


def test_weights_of_another_catalogue_are_refused(tmp_path: Path) -> None:
    model().fit(worlds.planted()).save(tmp_path)
    with pytest.raises(IntegrityError, match=r"weights\.arrow was fitted on 16 tracks"):
        Ease.load(tmp_path, builders.catalogue([{"track_id": "a"}]))
