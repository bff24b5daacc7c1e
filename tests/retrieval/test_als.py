"""Matrix factorisation against the normal equations in NumPy, and on listeners of two planted genres."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats
from crossfade.retrieval import als as module
from crossfade.retrieval.als import Als
from crossfade.retrieval.als_solver import gram_of, improve, solve
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import IndexSettings, default_settings
from tests import builders
from tests.retrieval import worlds

REGULARIZATION = 0.5
EXACT = IndexSettings(backend="exact", min_recall=0.95, recall_at=500)


def model(seed: int = 0, **changes: Any) -> Als:
    settings = default_settings().als.model_copy(update={"factors": 2, "regularization": 0.5} | changes)
    return Als(settings, EXACT, seed)


def planted(seed: int = 0) -> tuple[Floats, Floats, Any]:
    """Vectors of 12 rows and 9 columns, and sparse feedback between them; the last row has none."""
    random = np.random.default_rng(seed)
    feedback = random.random((12, 9), np.float32) * (random.random((12, 9)) < 0.3) * 8
    feedback[-1] = 0
    own, others = (random.standard_normal((n, 4), np.float32) for n in (12, 9))
    return own, others, scipy.sparse.csr_matrix(feedback, dtype=np.float32)


def oracle(others: Floats, feedback: Any) -> Any:
    """Solve (Y'CY + regularization I) x = Y'Cp of every row, with C = diag(1 + r) and p = [r > 0]."""
    solutions = []
    for rates in feedback.toarray().astype(np.float64):
        confidence = np.diag(1 + rates)
        system = others.T @ confidence @ others + REGULARIZATION * np.eye(others.shape[1])
        solutions.append(np.linalg.solve(system, others.T @ confidence @ (rates > 0)))
    return np.array(solutions)


def loss(users: Floats, tracks: Floats, feedback: Any) -> float:
    """Return sum of (1 + r) (p - x'y)^2 over all pairs + regularization (|X|^2 + |Y|^2)."""
    rates = feedback.toarray().astype(np.float64)
    errors = (1 + rates) * ((rates > 0) - users.astype(np.float64) @ tracks.T) ** 2
    return float(errors.sum() + REGULARIZATION * ((users**2).sum() + (tracks**2).sum()))


def test_exact_solutions_are_those_of_the_normal_equations() -> None:
    _, others, feedback = planted()
    solved = solve(others, gram_of(others, REGULARIZATION), feedback)
    np.testing.assert_allclose(solved, oracle(others, feedback), rtol=1e-4, atol=1e-5)
    assert (solved[-1] == 0).all()


def test_conjugate_gradients_arrive_at_the_normal_equations() -> None:
    own, others, feedback = planted()
    for _ in range(5):
        improve(own, others, feedback, REGULARIZATION)
    np.testing.assert_allclose(own, oracle(others, feedback), rtol=1e-3, atol=1e-4)
    assert (own[-1] == 0).all()


def test_a_solved_row_stays_where_it_is() -> None:
    _, others, feedback = planted()
    solved = solve(others, gram_of(others, REGULARIZATION), feedback)
    moved = solved.copy()
    improve(moved, others, feedback, REGULARIZATION)
    np.testing.assert_allclose(moved, solved, rtol=1e-4, atol=1e-5)


def test_the_loss_does_not_increase() -> None:
    users, tracks, feedback = planted()
    losses = [loss(users, tracks, feedback)]
    for _ in range(15):
        improve(users, tracks, feedback, REGULARIZATION)
        losses.append(loss(users, tracks, feedback))
        improve(tracks, users, feedback.T.tocsr(), REGULARIZATION)
        losses.append(loss(users, tracks, feedback))
    assert (np.diff(losses) <= 1e-4 * losses[-1]).all()
    assert losses[-1] < 0.2 * losses[0]


def test_two_genres_are_told_apart() -> None:
    world = worlds.planted()
    fitted = model().fit(world)
    queries = world.queries(np.arange(16, dtype=np.int32), worlds.NOW)
    rows, _ = fitted.recommend(queries, worlds.NUM_TRACKS)
    for user, found in enumerate(rows):
        names = world.catalogue.tracks.names(found[found >= 0])
        assert len(names) >= 6
        assert {str(name)[0] for name in names[:6]} == {"rj"[user % 2]}


def test_a_query_without_positives_is_not_answered() -> None:
    world = worlds.planted()
    rows, scores = model().fit(world).recommend(world.queries(np.array([16, -1], np.int32), worlds.NOW), 5)
    assert (rows == -1).all()
    assert np.isneginf(scores).all()


def test_nobody_wants_a_track_that_was_only_skipped() -> None:
    plays = [
        ("ann", "a", 1.0),
        ("ann", "b", 2.0),
        ("ann", "bad", 3.0, -1.0),
        ("ben", "a", 1.0),
        ("ben", "b", 2.0),
    ]
    dataset = builders.dataset(plays)
    fitted = model().fit(dataset)
    bad = dataset.catalogue.tracks.rows(["bad"])[0]
    assert (fitted.factors_[bad] == 0).all()
    rows, _ = fitted.recommend(dataset.queries(np.array([0], np.int32), worlds.NOW), 3)
    assert bad not in rows


def test_stronger_listening_weighs_more() -> None:
    # ann's history is half rock, half jazz; what she saved decides.
    world = worlds.planted()
    fitted = model().fit(world)
    likes = {"rock": (5.0, 0.2), "jazz": (0.2, 5.0)}
    for genre, (rock, jazz) in likes.items():
        plays = [("ann", "r0", 1.0, rock), ("ann", "j0", 1.0, jazz)]
        asker = replace(builders.dataset(plays, world.catalogue), catalogue=world.catalogue)
        rows, _ = fitted.recommend(asker.queries(np.array([0], np.int32), worlds.NOW), 3)
        assert {str(name)[0] for name in world.catalogue.tracks.names(rows[0])} == {genre[0]}


def test_equal_seeds_give_equal_bytes_and_another_seed_does_not() -> None:
    first, again, other = (model(seed).fit(worlds.planted()).factors_ for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_batch_equals_its_singles_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.planted()
    fitted = model().fit(world)
    queries = world.queries(np.arange(17, dtype=np.int32), worlds.NOW)
    batch = fitted.vectors(queries)
    singles = [fitted.vectors(queries.slice(i, i + 1)) for i in range(len(queries))]
    np.testing.assert_array_equal(batch, np.concatenate(singles))
    monkeypatch.setattr(module, "QUERIES_PER_BLOCK", 5)
    np.testing.assert_array_equal(batch, fitted.vectors(queries))


def test_nothing_to_learn_from_answers_nobody() -> None:
    empty: Dataset = builders.dataset([], builders.catalogue([{"track_id": "a"}]))
    rows, _ = model().fit(empty).recommend(empty.queries(np.array([-1], np.int32), 0), 2)
    assert rows.tolist() == [[-1, -1]]


def test_a_damaged_file_of_vectors_is_named(tmp_path: Path) -> None:
    world = worlds.planted()
    model().fit(world).save(tmp_path)
    path = tmp_path / "factors.npy"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match=r"factors\.npy is not a whole array of vectors"):
        Als.load(tmp_path, world.catalogue)
