"""Recall counts what the exact answer holds, and the benchmark judges the bundle's index by it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import index_recall
from benchmarks.harness import Options
from crossfade.recommender.workspace import Workspace
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.schema.errors import NotFoundError
from tests.evaluation import worlds
from tests.evaluation.planted import planted_bundle


def _ranking(rows: list[list[int]]) -> Ranking:
    return np.array(rows, np.int32), np.zeros((len(rows), len(rows[0])), np.float32)


def test_recall_is_the_share_of_the_exact_best_that_was_found() -> None:
    exact = _ranking([[0, 1], [2, -1]])
    assert index_recall.recall(exact, exact) == 1.0
    # Of 0, 1 and 2 only 1 is found; 0 of the other query does not count.
    assert index_recall.recall(_ranking([[1, 3], [0, -1]]), exact) == pytest.approx(1 / 3)


class _Lossy(ExactIndex):
    """Misses every second track."""

    is_exact = False

    def search(self, vectors, k):  # type: ignore[no-untyped-def]
        rows, scores = super().search(vectors, k)
        rows[:, 1::2] = -1
        return rows, scores


@pytest.mark.parametrize(("kind", "reached"), [(ExactIndex, 1.0), (_Lossy, 0.5)])
def test_the_champions_index_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[ExactIndex], reached: float
) -> None:
    world = worlds.letters()
    workspace = Workspace.create(tmp_path / "workspace")
    bundle = planted_bundle(workspace.path, 1)
    workspace.promote(bundle.name, reason="first", run_id="r1", evaluation={})
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    two_tower = SimpleNamespace(
        index_=kind(vectors), track_vectors_=vectors, user_vectors=lambda queries: vectors[: len(queries)]
    )
    monkeypatch.setattr(index_recall.Dataset, "load", lambda directory: world)
    monkeypatch.setattr(index_recall.TwoTower, "load", lambda directory, catalogue: two_tower)
    found = index_recall.run(Options(quick=True, directory=tmp_path))
    assert found.figures["recall"] == reached
    assert found.figures["index_is_exact"] is (kind is ExactIndex)
    assert (found.figures["tracks"], found.figures["depth"], found.figures["queries"]) == (6, 6, 4)
    assert found.bars["recall"].holds is (reached == 1.0)


def test_without_a_champion_it_says_what_to_run(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "workspace")
    with pytest.raises(NotFoundError, match="has no champion yet"):
        index_recall.run(Options(directory=tmp_path))
