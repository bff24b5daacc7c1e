"""Peers are tuned by what they reach before the test period, and leave no place empty."""

import sys

import numpy as np
import pytest

from benchmarks.quality.neighbour_peers import COSINE
from benchmarks.quality.tuning import (
    Parameters,
    Peer,
    by_time,
    drawn_parameters,
    filled,
    fitted,
    search_space,
    tuned,
    with_repeats_and_filled,
)
from crossfade.evaluation.evaluate import Recommend
from crossfade.evaluation.membership import locate
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.retrieval.contract import Ranking
from crossfade.schema.errors import MissingExtraError
from tests.benchmarks.clusters import TRACKS, clusters
from tests.evaluation import worlds

VALIDATION_START = worlds.START - SECONDS_PER_DAY


def test_the_best_of_the_validation_period_is_taken() -> None:
    tried: list[int] = []

    def fit(known: Dataset, parameters: Parameters, seed: int) -> Recommend:
        tried.append(parameters["bonus"])
        assert known.interactions.seconds.max() < VALIDATION_START
        return _planted(parameters["bonus"])

    peer = Peer("planted", fit, {"bonus": (0, 1, 2)})
    world = clusters()
    protocol = by_time(world, worlds.settings())
    found = tuned(peer, world, protocol, trials=3, seed=1)
    assert (str(found), found.num_trials) == ("bonus=1", 3)
    assert sorted(tried) == [0, 1, 2]
    assert search_space(peer) == "bonus in 0, 1, 2"
    system = fitted(peer, found.parameters, world.until(VALIDATION_START), protocol, 1)
    # What was heard is masked, and the new user is answered too.
    queries = worlds.truth(world).queries
    rows, _ = system(queries, 3)
    assert (locate(queries.offsets, queries.track_rows, rows) < 0).all()
    assert (rows >= 0).all()


def _planted(bonus: int) -> Recommend:
    """Recommend the right cluster only with a bonus of 1."""

    def recommend(queries: Queries, k: int) -> Ranking:
        first = queries.last_tracks(1)[:, 0] % 2
        side = first if bonus == 1 else 1 - first
        rows = (np.arange(k)[None, :] * 2 % TRACKS + side[:, None]).astype(np.int32)
        rows = np.where(np.arange(k) < TRACKS // 2, rows, -1)
        return rows, np.where(rows >= 0, 1.0, -np.inf).astype(np.float32)

    return recommend


def test_without_masks_repeats_stay_and_empty_places_are_filled() -> None:
    world = clusters()
    queries = worlds.truth(world).queries

    def last_track_only(queries: Queries, k: int) -> Ranking:
        rows = queries.last_tracks(1)
        return rows, np.where(rows >= 0, 1.0, -np.inf).astype(np.float32)

    rows, _ = with_repeats_and_filled(last_track_only, world.until(worlds.START))(queries, 3)
    known = np.diff(queries.offsets) > 0
    assert (rows[known, 0] == queries.last_tracks(1)[known, 0]).all()
    assert (rows >= 0).all()
    assert all(len(set(row)) == 3 for row in rows.tolist())


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
        COSINE.fit(clusters(), {"weights": "binary"}, 1)
