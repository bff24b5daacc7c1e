"""The peers find planted clusters, are tuned by what they reach, and leave no place empty."""

import sys

import numpy as np
import pytest

from benchmarks.quality.peers import PEERS, Peer, drawn_parameters, filled, fitted, tuned
from crossfade.evaluation.evaluate import evaluate
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.schema.errors import MissingExtraError
from tests.evaluation import worlds

TRACKS = 12


def _clusters() -> Dataset:
    """Even users play even tracks, odd users odd ones, half of them early, all in the end; x is new."""
    rng = np.random.default_rng(0)
    plays = [("x", "t00", 12.0)]
    for user in range(40):
        tracks = rng.permutation(np.arange(user % 2, TRACKS, 2))
        days = [1.0, 2.0, 3.0, 9.5, 12.0, 13.0]
        plays += [(f"u{user:02}", f"t{track:02}", day) for track, day in zip(tracks, days, strict=True)]
    return worlds.dataset(plays, [{"track_id": f"t{track:02}"} for track in range(TRACKS)])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_find_planted_clusters_and_answer_everybody(peer: Peer) -> None:
    world = _clusters()
    truth = worlds.truth(world)
    parameters = {name: values[0] for name, values in peer.grid.items()} | {"weights": "binary"}
    if "factors" in parameters:
        parameters |= {"factors": 2, "regularization": 1.0}
    system = fitted(peer, parameters, world.until(worlds.START), 1)
    rows, scores = system(truth.queries, 3)
    assert (rows >= 0).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    known = np.diff(truth.queries.offsets) > 0
    # Two of its cluster's tracks are unheard, the third place is filled with what is popular.
    own = truth.queries.last_tracks(1)[known] % 2
    assert (rows[known, :2] % 2 == own).all()
    assert (
        evaluate(peer.name, system, truth, worlds.settings()).metrics["recall"][known].tolist() == [1.0] * 40
    )


def test_the_best_of_the_validation_period_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def build(parameters, seed):  # type: ignore[no-untyped-def]
        tried.append(parameters["bonus"])
        return _Planted(parameters["bonus"])

    peer = Peer("planted", build, {"bonus": (0, 1, 2), "weights": ("binary",)})
    _, text = tuned(peer, _clusters(), worlds.settings(), trials=3)
    assert text == "bonus=1, weights=binary"
    assert sorted(tried[:3]) == [0, 1, 2]
    assert tried[3] == 1


class _Planted:
    """Recommends the right cluster only with a bonus of 1."""

    def __init__(self, bonus: int) -> None:
        self.bonus = bonus

    def fit(self, matrix, show_progress) -> None:  # type: ignore[no-untyped-def]
        pass

    def recommend(self, users, matrix, N, **options):  # type: ignore[no-untyped-def] # noqa: N803
        first = np.array([matrix.indices[start] % 2 for start in matrix.indptr[:-1]])
        side = first if self.bonus == 1 else 1 - first
        rows = np.arange(N)[None, :] * 2 % TRACKS + side[:, None]
        return np.where(np.arange(N) < TRACKS // 2, rows, -1), np.ones((len(first), N))


def test_defaults_come_first_and_points_are_distinct() -> None:
    grid = {"a": (1, 2, 3), "b": ("x", "y")}
    drawn = drawn_parameters(grid, 4, seed=5)
    assert drawn[0] == {"a": 1, "b": "x"}
    assert len({tuple(point.items()) for point in drawn}) == 4
    assert drawn == drawn_parameters(grid, 4, seed=5)
    assert len(drawn_parameters(grid, 100, seed=5)) == 6


def test_empty_places_are_filled_without_repeating() -> None:
    rows = np.array([[3, -1, -1], [1, 2, 0]], np.int32)
    more = np.array([[3, 4, 5, 6], [7, 8, 9, 9]], np.int32)
    queries = worlds.truth(worlds.letters()).queries.slice(0, 2)

    def answer(values):  # type: ignore[no-untyped-def]
        def recommend(queries: Queries, k: int):  # type: ignore[no-untyped-def]
            return values, np.where(values >= 0, 1.0, -np.inf).astype(np.float32)

        return recommend

    assert filled(answer(rows), answer(more))(queries, 3)[0].tolist() == [[3, 4, 5], [1, 2, 0]]


def test_without_implicit_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.utils", None)
    with pytest.raises(MissingExtraError, match=r"implicit is needed here.*crossfade\[bench\]"):
        fitted(PEERS[0], {"weights": "binary"}, _clusters(), 1)
