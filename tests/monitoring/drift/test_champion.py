"""What is made of a champion's figures: histograms, spreads and vectors of planted listeners."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from crossfade.lake.lake import Lake
from crossfade.recommender.fit import build_bundle
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.other_policy import with_policy
from crossfade.recommender.workspace import Workspace
from crossfade.schema.tables import Surface
from monitoring.drift.champion import (
    _draws,
    _edges,
    _features_of,
    _histograms,
    _level,
    _series,
    _spread,
    champion_series,
)
from monitoring.drift.distances import mean_discrepancy
from monitoring.drift.measures import EVERYBODY, LEVEL, NDCG, NORMS, SCORES, SPREAD, VECTORS
from monitoring.drift.seen import Seen
from tests.recommender import world

NAN = np.nan


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def seen(
    seed: int, number: int = 40, turn: float = 0.0, ndcg: float = 0.2, *, with_radio: bool = False
) -> Seen:
    random = np.random.default_rng(seed)
    vectors = unit(random.normal([1 - turn, turn, 0, 0], 0.2, (number, 4)))
    scores = random.normal(0, 1, (number, 10)).astype(np.float32)
    radio = {SCORES: scores[:9], "session_listens_log": scores[:9] ** 2}
    return Seen(vectors, {SCORES: scores}, np.full(number, ndcg), radio if with_radio else {})


def test_bins_are_quantiles_after_the_least_value_and_missing_ones_come_first() -> None:
    edges = _edges(np.array([[1, 2, 3, 4, NAN]], np.float32))
    assert edges[0] == 1
    assert list(edges) == sorted(set(edges))
    counts = _histograms(np.array([[NAN, 1, 4], [2, 2, 2]], np.float32), (1.0, 2.0, 3.0))
    assert counts.tolist() == [[1, 1, 0, 1], [0, 0, 3, 0]]
    assert _edges(np.full((2, 2), NAN, np.float32)) == ()


def test_a_spread_is_of_each_listener_and_leaves_missing_candidates_out() -> None:
    assert _spread(np.array([[1, 3, NAN], [5, 5, 5]], np.float32)).tolist() == [[1, 1], [1, 0]]


def test_a_level_is_the_mean_of_each_listener_and_its_square() -> None:
    assert _level(np.array([[1, 3, NAN], [5, 5, 5]], np.float32)).tolist() == [[1, 2, 4], [1, 5, 25]]


def test_vectors_that_turn_are_far_and_others_near() -> None:
    features = _features_of(seen(0).vectors, np.random.default_rng(0))
    before, same, turned = (features(day).sum(axis=0)[None] for day in (seen(1), seen(2), seen(3, turn=0.8)))
    assert mean_discrepancy(same, before)[0] < 0.15
    assert mean_discrepancy(turned, before)[0] > 0.5


def test_days_are_resampled_with_all_their_listeners() -> None:
    random = np.random.default_rng(0)
    days = [seen(0, 10), seen(1, 20)]
    for place, listeners in _draws([len(day.ndcg) for day in days], 20, random):
        assert len(listeners) == len(days[place].ndcg)


def test_series_hold_resampled_days_and_then_those_since() -> None:
    found = {
        each.measure.name: each for each in _series([seen(0), seen(1)], [None, seen(2, ndcg=0.1)], 28, 7)
    }
    assert set(found) == {VECTORS.name, NDCG.name, SPREAD.name, LEVEL.name, SCORES}
    ndcg = found[NDCG.name]
    assert ndcg.counts.shape == (30, 2)
    assert ndcg.counts[:28].tolist() == [pytest.approx([40, 8])] * 28
    assert ndcg.counts[28:].tolist() == [[0, 0], pytest.approx([40, 4])]
    assert found[SCORES].counts[:28].sum(axis=1).tolist() == [400] * 28


def test_a_day_may_have_other_listeners_as_it_is_than_as_it_would_have_been() -> None:
    day = seen(0)
    few = replace(day, ndcg=day.ndcg[:10])
    found = {each.measure.name: each for each in _series([few, few], [few], 28, 7)}
    assert found[NDCG.name].counts[:28].tolist() == [pytest.approx([10, 2])] * 28
    assert found[SCORES].counts[:28].sum(axis=1).tolist() == [400] * 28  # of all forty
    assert found[LEVEL.name].counts[:28, 0].tolist() == [40] * 28


def test_the_radio_has_series_of_its_own_moments() -> None:
    found = _series([seen(0, with_radio=True), seen(1)], [seen(2, with_radio=True), seen(3), None], 28, 7)
    radio = {each.measure.name: each for each in found if each.group == "surface radio"}
    assert set(radio) == {SCORES, "session_listens_log"}
    assert radio[SCORES].counts[:28].sum(axis=1).tolist() == [90] * 28  # of the one day that had some
    assert radio[SCORES].counts[28:].sum(axis=1).tolist() == [90, 0, 0]


def test_a_champion_is_seen_through_the_parent_that_was_judged(
    planted_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lake is a planted data set; days 18 and 19 are the test period, and stand for those since, too."""
    parent, chosen = world.copied(planted_world, tmp_path), world.settings()
    places = [tmp_path / name for name in ("dataset", "test", "ranker", "bundles")]
    window = read_manifest(parent)["window"]
    about = {"parents": [parent.name], "window": {**window, "end": window["split"]["end"]}}
    trained = build_bundle(*places, until="test", settings=chosen, lineage=about)
    # What an experiment made of it is the champion: its parent knows the test period, that one's parent does not.
    champion = with_policy(trained, Surface.RADIO, {"max_per_artist": 1}, trained.parent)
    workspace, lake = Workspace.create(tmp_path), Lake.create(tmp_path / "lake")
    workspace.promote(champion.name, reason="Planted.", run_id="r", evaluation={})
    monkeypatch.setattr("monitoring.drift.clock.make_dataset", lambda *_, **__: world.dataset())
    days = [date(1970, 1, 19), date(1970, 1, 20)]
    every = champion_series(lake, workspace, days, 28, chosen)
    found = {each.measure.name: each for each in every if each.group == EVERYBODY}
    assert {VECTORS.name, NDCG.name, SPREAD.name, SCORES, "track_listens_log", "num_sources"} <= set(found)
    assert {LEVEL.name, NORMS} <= set(found)
    radio = {each.measure.name: each for each in every if each.group == "surface radio"}
    assert {SCORES, "session_listens_log"} <= set(radio)
    assert all(len(each.counts) == 30 for each in found.values())
    listeners = found[NDCG.name].counts[28:, 0]
    assert (listeners > 5).all()
    assert found[VECTORS.name].counts[28:, 0].tolist() == listeners.tolist()
    assert (found[SCORES].counts[28:].sum(axis=1) > 10 * listeners).all()
    assert champion_series(lake, workspace, [], 28, chosen) == []
    shutil.rmtree(parent)
    assert champion_series(lake, workspace, days, 28, chosen) == []
