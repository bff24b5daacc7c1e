"""The definitions are what the code computes: every name, every order, and every stored feature that another is made from."""

from dataclasses import fields, replace

import numpy as np
import pytest

from crossfade.features.candidates import Candidates
from crossfade.features.dataset import Dataset
from crossfade.features.definitions import STORED, STORED_BY_NAME, STORED_ENTITIES, freshness_hours, stored_of
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.ranking_definitions import FEATURES, RANKING
from crossfade.features.ranking_features import ranking_features
from crossfade.features.statistics import Statistics
from crossfade.features.user_statistics import UserStatistics
from crossfade.schema import columns as c
from crossfade.schema.tasks import NEXT_TRACK
from tests import builders

NOW = 30 * SECONDS_PER_DAY
PLAYS = [("ann", "a1", 10.0), ("ann", "b1", 20.0, -0.5), ("ann", "a1", 27.0), ("ben", "b1", 29.0, 5.0)]
# Of the statistics, but no feature of an entity: the moment, and where the rows of countries stand.
NOT_FEATURES = {"as_of", "has_time", "country_keys"}


@pytest.fixture
def dataset() -> Dataset:
    return replace(builders.dataset(PLAYS), users=builders.users(["ann", "ben"], ["SE", "NO"]))


def test_rankers_read_the_defined_features_in_the_defined_order() -> None:
    assert tuple(feature.name for feature in RANKING) == c.RADIO_FEATURES
    assert tuple(feature.name for feature in RANKING[: len(c.RANKING_FEATURES)]) == c.RANKING_FEATURES


def test_a_feature_is_defined_once() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    assert all(feature.description.endswith(".") for feature in FEATURES)


def test_stored_features_are_all_that_is_counted() -> None:
    counted = {each.name for each in (*fields(Statistics), *fields(UserStatistics))} - NOT_FEATURES
    assert {feature.name for feature in STORED} == counted


def test_features_of_an_entity_are_equally_fresh() -> None:
    for entity in STORED_ENTITIES:
        assert {feature.freshness_hours for feature in stored_of(entity)} == {freshness_hours(entity)}


def test_what_is_stored_says_so() -> None:
    told = {feature.name: feature.as_json() for feature in FEATURES}
    assert told["track_listens_7d"] == {
        "name": "track_listens_7d",
        "entity": "track",
        "keys": ["track_id"],
        "kind": "float32",
        "window": "7 days",
        "freshness_hours": 192,
        "owner": "features",
        "is_stored": True,
        "inputs": [],
        "description": "Positive listens of the last 7 days.",
    }
    assert told["track_trend"]["is_stored"] is False
    assert told["track_trend"]["inputs"] == ["track_listens_7d", "track_listens_28d"]


def computed(dataset: Dataset, statistics: Statistics) -> np.ndarray:
    rows = np.array([[0, 1]] * 2, np.int32)
    blank = np.full((*rows.shape, len(c.RADIO_SOURCES)), np.nan, np.float32)
    vectors = np.eye(2, dtype=np.float32)
    queries = dataset.queries(np.array([0, 1], np.int32), NOW)
    candidates = Candidates(rows, blank, blank)
    return ranking_features(queries, candidates, dataset.catalogue, statistics, vectors, task=NEXT_TRACK)


@pytest.mark.parametrize("name", [feature.name for feature in STORED if not feature.name.startswith("user_")])
def test_a_stored_feature_moves_just_those_that_name_it_as_input(dataset: Dataset, name: str) -> None:
    statistics = Statistics.of(dataset, NOW)
    moved = replace(statistics, **{name: getattr(statistics, name) + 1})
    before, after = computed(dataset, statistics), computed(dataset, moved)
    is_equal = np.isclose(before, after, equal_nan=True).all(axis=(0, 1))
    changed = {c.RADIO_FEATURES[place] for place in np.flatnonzero(~is_equal)}
    assert changed == {each.name for each in RANKING if name in each.inputs or each is STORED_BY_NAME[name]}
