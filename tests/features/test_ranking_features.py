"""Ranking features on a tiny world, value by value; the formula of each stands in a comment."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from crossfade.features.candidates import Candidates
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.features.ranking_features import ranking_features
from crossfade.features.statistics import Statistics
from crossfade.schema.columns import RANKING_FEATURES, RETRIEVAL_SOURCES
from crossfade.schema.errors import InputError
from tests import builders

DAY = SECONDS_PER_DAY
NOW = 30 * DAY
TRACKS = builders.catalogue(
    [
        {"track_id": "a1", "artist_ids": ["a"], "genres": ["rock", "pop"], "album_id": "first"},
        {"track_id": "a2", "artist_ids": ["a"], "genres": ["rock"], "album_id": "first"},
        {"track_id": "a3", "artist_ids": ["a"], "release_date": date(1970, 1, 21)},
        {"track_id": "b1", "artist_ids": ["b"], "genres": ["pop"]},
        {"track_id": "c1", "artist_ids": ["c"], "genres": ["jazz"]},
        {"track_id": "d1"},
    ]
)
A1, A2, A3, B1, C1, D1 = range(6)
PLAYS = [
    ("ann", "a1", 10.0),
    ("ann", "b1", 10.01, -0.5),
    ("ann", "a1", 27.0),
    ("ann", "b1", 27.01, 3.0),
    ("ben", "c1", 29.0),
]
ROWS = np.array([[A2, A3, B1, C1, D1, -1]] * 3, np.int32)
VECTORS = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8], [0, -1], [0.8, 0.6]], np.float32)
SOURCES = len(RETRIEVAL_SOURCES)


@pytest.fixture
def dataset() -> Dataset:
    return replace(builders.dataset(PLAYS, TRACKS), users=builders.users(["ann", "ben"], ["SE", None]))


def compute(dataset: Dataset, queries: Queries, rows: np.ndarray[Any, Any] = ROWS) -> np.ndarray[Any, Any]:
    blank = np.full((*rows.shape, SOURCES), np.nan, np.float32)
    candidates = Candidates(rows[: len(queries)], blank[: len(queries)], blank[: len(queries)])
    return ranking_features(queries, candidates, dataset.catalogue, Statistics.of(dataset, NOW), VECTORS)


def named(features: np.ndarray[Any, Any], name: str) -> list[float]:
    return [None if np.isnan(v) else round(float(v), 5) for v in features[..., RANKING_FEATURES.index(name)]]  # type: ignore[misc]


@pytest.fixture
def ann(dataset: Dataset) -> np.ndarray[Any, Any]:
    """Features of ann's candidates a2, a3, b1, c1, d1 and padding."""
    return compute(dataset, dataset.queries(np.array([0, 1, -1], np.int32), NOW))[0]


def log1p(*values: float) -> list[float]:
    return [round(float(np.log1p(value)), 5) for value in values]


def test_track_features_come_from_the_statistics(ann: np.ndarray[Any, Any]) -> None:
    # Listens: a1 2, b1 1 (the skip is none), c1 1; of the last 7 days: a1 1, b1 1, c1 1.
    assert named(ann, "track_listens_log") == [*log1p(0, 0, 1, 1, 0), None]
    assert named(ann, "track_listens_7d_log") == [*log1p(0, 0, 1, 1, 0), None]
    assert named(ann, "track_listeners_log") == [*log1p(0, 0, 1, 1, 0), None]
    # log((7 d + 1) / (28 d / 4 + 1)): b1 and c1 are log(2 / 1.25), unheard tracks log(1).
    assert named(ann, "track_trend") == [0, 0, 0.47, 0.47, 0, None]
    # Released on day 20 of 30; b1 was first wanted on day 27.01, c1 on day 29.
    assert named(ann, "track_age_days") == [None, 10, None, None, None, None]
    assert named(ann, "track_days_since_first") == [None, None, 2.99, 1, None, None]


def test_artist_features_are_missing_for_unknown_artists(ann: np.ndarray[Any, Any]) -> None:
    assert named(ann, "artist_listens_log") == [*log1p(2, 2, 1, 1), None, None]
    assert named(ann, "artist_listeners_log") == [*log1p(1, 1, 1, 1), None, None]
    # a2 has no date and nobody has played it yet, so a has a1 and a3.
    assert named(ann, "artist_tracks_log") == [*log1p(2, 2, 1, 1), None, None]
    assert named(ann, "track_artist_share") == [0, 0, 1, 1, None, None]


def test_country_share_is_that_of_the_querys_country(ann: np.ndarray[Any, Any]) -> None:
    # All 3 listens of a known country are ann's, so SE has all of them: 20 prior plays of share 1, c1 has 1 elsewhere.
    assert named(ann, "track_country_share") == [1, 1, 1, round(20 / 21, 5), 1, None]


def test_user_features_repeat_for_every_candidate(ann: np.ndarray[Any, Any]) -> None:
    # 3 positives of 4 plays, one skip of 0.5, artists a and b, the last play on day 27.01.
    assert named(ann, "user_listens_log") == [*log1p(3, 3, 3, 3, 3), None]
    assert named(ann, "user_days_since_last") == [2.99] * 5 + [None]
    assert named(ann, "user_skip_rate") == [0.125] * 5 + [None]
    assert named(ann, "user_artists_per_listen") == [round(2 / 3, 5)] * 5 + [None]


def test_artist_affinities_read_the_whole_history(ann: np.ndarray[Any, Any]) -> None:
    assert named(ann, "user_artist_listens_log") == [*log1p(2, 2, 1, 0, 0), None]
    assert named(ann, "user_artist_strength") == [2, 2, 2.5, 0, 0, None]
    assert named(ann, "user_artist_share") == [0.66667, 0.66667, 0.33333, 0, 0, None]
    assert named(ann, "user_artist_days_since_last") == [3, 3, 2.99, None, None, None]
    assert named(ann, "user_artist_in_last_session") == [1, 1, 1, 0, 0, None]
    assert named(ann, "user_album_listens_log") == [*log1p(2, 0, 0, 0, 0), None]


def test_genre_affinity_is_a_cosine_of_profiles(ann: np.ndarray[Any, Any]) -> None:
    # a1 twice: rock 1, pop 1/2 each; b1 once: pop 1. Profile: rock 2, pop 2, length sqrt(8).
    expected = round(2 / np.sqrt(8), 5)
    assert named(ann, "user_genre_affinity") == [expected, None, expected, 0, None, None]
    # Last session: a1 and b1, rock 1 and pop 1.5, length sqrt(3.25).
    rock, pop = round(1 / np.sqrt(3.25), 5), round(1.5 / np.sqrt(3.25), 5)
    assert named(ann, "session_genre_affinity") == [rock, None, pop, 0, None, None]


def test_vector_affinities_are_cosines(ann: np.ndarray[Any, Any]) -> None:
    # Mean direction of a1, a1, b1 = (2.6, 0.8); the session's are a1 = (1, 0) and b1 = (0.6, 0.8).
    mean = np.array([2.6, 0.8]) / np.hypot(2.6, 0.8)
    assert named(ann, "user_track_vector_cosine") == [
        *(round(float(v @ mean), 5) for v in VECTORS[ROWS[0, :5]]),
        None,
    ]
    assert named(ann, "session_track_vector_cosine") == [0.8, -0.6, 1, 0, 0.96, None]


def test_sources_give_scores_ranks_and_their_number(dataset: Dataset) -> None:
    nan = np.nan
    scores = np.array([[[0.5, *[nan] * (SOURCES - 2), 2.0], [nan] * SOURCES]], np.float32)
    ranks = np.array([[[3, *[nan] * (SOURCES - 2), 0], [nan] * SOURCES]], np.float32)
    candidates = Candidates(np.array([[A2, -1]], np.int32), scores, ranks)
    queries = dataset.queries(np.array([0], np.int32), NOW)
    features = ranking_features(queries, candidates, TRACKS, Statistics.of(dataset, NOW), VECTORS)[0]
    assert named(features, "num_sources") == [2, None]
    assert named(features, "two_tower_score") == [0.5, None]
    assert named(features, "two_tower_rank") == [3, None]
    assert named(features, "item_knn_rank") == [None, None]
    assert named(features, "popular_score") == [2, None]


def test_what_more_sources_said_is_not_read_and_fewer_are_refused(dataset: Dataset) -> None:
    queries, rows = dataset.queries(np.array([0], np.int32), NOW), ROWS[:1]
    said = np.arange(rows.size * (SOURCES + 2), dtype=np.float32).reshape(*rows.shape, SOURCES + 2)

    def features(num_sources: int) -> np.ndarray[Any, Any]:
        candidates = Candidates(rows, said[..., :num_sources], said[..., :num_sources] + 1000)
        return ranking_features(queries, candidates, dataset.catalogue, Statistics.of(dataset, NOW), VECTORS)

    np.testing.assert_array_equal(features(SOURCES + 2), features(SOURCES))
    with pytest.raises(
        InputError, match=f"Candidates of {SOURCES - 1} sources cannot be ranked by {SOURCES}"
    ):
        features(SOURCES - 1)


def test_an_empty_history_has_zero_counts_and_missing_rates(dataset: Dataset) -> None:
    nobody = compute(dataset, dataset.queries(np.array([-1], np.int32), NOW))[0, :5]
    for name in ("user_listens_log", "user_artist_listens_log", "user_artist_strength", "user_artist_share"):
        assert named(nobody, name) == [0] * 5, name
    missing = ("user_days_since_last", "user_skip_rate", "user_artists_per_listen", "user_genre_affinity")
    for name in (*missing, "user_track_vector_cosine", "session_track_vector_cosine", "track_country_share"):
        assert named(nobody, name) == [None] * 5, name


def test_a_later_event_never_changes_a_feature(dataset: Dataset) -> None:
    later = [*PLAYS, ("ann", "c1", 30.5), ("ben", "a2", 31.0, 5.0), ("ben", "c1", 40.0, -1.0)]
    extended = replace(builders.dataset(later, TRACKS), users=dataset.users)
    before, after = (
        compute(world, world.queries(np.array([0, 1, -1], np.int32), NOW)) for world in (dataset, extended)
    )
    np.testing.assert_array_equal(before, after)


def test_a_batch_equals_its_singles(dataset: Dataset) -> None:
    queries = dataset.queries(np.array([1, -1, 0], np.int32), NOW)
    singles = [compute(dataset, queries.slice(i, i + 1)) for i in range(3)]
    np.testing.assert_array_equal(compute(dataset, queries), np.concatenate(singles))


def test_without_timestamps_recency_is_missing(dataset: Dataset) -> None:
    timeless = replace(dataset, split=Split(0, 0, 0, has_time=False))
    features = compute(timeless, timeless.queries(np.array([0], np.int32), NOW))[0]
    recency = ("track_listens_7d_log", "track_trend", "track_days_since_first")
    for name in (*recency, "user_days_since_last", "user_artist_days_since_last"):
        assert named(features, name) == [None] * 6, name
    assert named(features, "user_artist_listens_log") == [*log1p(2, 2, 1, 0, 0), None]


def test_no_candidates_and_no_catalogue_give_missing_values(dataset: Dataset) -> None:
    queries = dataset.queries(np.array([0], np.int32), NOW)
    assert compute(dataset, queries, np.zeros((1, 0), np.int32)).shape == (1, 0, len(RANKING_FEATURES))
    bare = builders.dataset([], builders.catalogue([]))
    features = compute(bare, bare.queries(np.array([-1], np.int32), NOW), np.full((1, 2), -1, np.int32))
    assert np.isnan(features).all()


def test_every_feature_is_computed(dataset: Dataset) -> None:
    full = np.zeros((1, 6, SOURCES), np.float32)
    candidates = Candidates(np.array([[A1, A2, A3, B1, C1, D1]], np.int32), full, full)
    queries = dataset.queries(np.array([0], np.int32), NOW)
    features = ranking_features(queries, candidates, TRACKS, Statistics.of(dataset, NOW), VECTORS)
    never = [
        name for name, column in zip(RANKING_FEATURES, features[0].T, strict=True) if np.isnan(column).all()
    ]
    assert never == []
