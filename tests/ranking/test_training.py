"""Training rows: graded candidates of the queries that teach something."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.features.statistics import Statistics
from crossfade.ranking import training
from crossfade.ranking.labels import examples
from crossfade.ranking.training import TrainingRows, training_rows
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sources import Sources
from crossfade.schema import columns as c
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.ids import Rows
from crossfade.schema.settings import default_settings
from tests import builders

DAY = SECONDS_PER_DAY
START, END = 10 * DAY, 12 * DAY
TRACKS = builders.catalogue([{"track_id": name} for name in "abcdef"])
A, B, C, D, E, F = range(6)
WORLD = builders.dataset(
    [
        ("ann", "a", 1.0),
        ("ann", "b", 10.5),
        ("ann", "c", 11.5, 5.0),
        ("ben", "f", 10.5),
        ("cyd", "a", 11.5),
    ],
    TRACKS,
)


class FirstTracks:
    """Answers everybody with tracks a, b, c, d in this order."""

    name = c.TWO_TOWER
    track_vectors_ = np.eye(6, dtype=np.float32)

    def fit(self, dataset: Dataset) -> Self:
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        rows = np.full((len(queries), k), -1, np.int32)
        rows[:, :4] = [A, B, C, D]
        return rows, np.where(rows >= 0, 1.0, -np.inf).astype(np.float32)

    def save(self, directory: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        raise NotImplementedError


def unheard(queries: Queries) -> Any:
    """Filter of a batch: track rows that a query played before."""
    heard = set(zip(queries.owners.tolist(), queries.track_rows.tolist(), strict=True))

    def excluded(rows: Rows) -> Any:
        return np.array(
            [[(query, row) in heard for row in found] for query, found in enumerate(rows.tolist())]
        )

    return excluded


def compute() -> TrainingRows:
    sources = Sources({name: FirstTracks() for name in c.RADIO_SOURCES}, TRACKS)
    cut = examples(WORLD, START, END, max_users=10, seed=0)
    return training_rows(cut, sources, Statistics.of(WORLD, START), default_settings().sources, unheard)


def test_each_group_holds_the_unheard_candidates_of_one_query_with_their_grades() -> None:
    rows = compute()
    # Day 10: ann (a heard) gets b, c, d; ben wanted only f, which no source found: left out; cyd gets a, b, c, d.
    # Day 11: ann (a, b heard) gets c, d.
    assert rows.user_rows.tolist() == [0, 2, 0]
    assert rows.group_sizes.tolist() == [3, 4, 2]
    assert rows.labels.tolist() == [1, 2, 0, 1, 0, 0, 0, 2, 0]


def test_features_stand_in_the_same_order() -> None:
    rows = compute()
    ranks = rows.features[:, RANKING_FEATURES.index("two_tower_rank")]
    assert ranks.tolist() == [0, 1, 2, 0, 1, 2, 3, 0, 1]
    listens = rows.features[:, RANKING_FEATURES.index("user_listens_log")]
    np.testing.assert_allclose(listens, np.log1p([1, 1, 1, 0, 0, 0, 0, 2, 2]), rtol=1e-6)


def test_small_batches_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compute()
    monkeypatch.setattr(training, "BATCH_QUERIES", 1)
    for name, values in vars(compute()).items():
        np.testing.assert_array_equal(getattr(whole, name), values)


def test_of_the_unwanted_some_are_drawn_and_of_the_wanted_all_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compute()
    monkeypatch.setattr(training, "UNHEARD", 1)
    few = compute()
    assert few.user_rows.tolist() == [0, 2, 0]
    assert few.group_sizes.tolist() == [3, 2, 2]  # wanted and one other: b, c + d; a + one of b, c, d; c + d
    assert few.labels.tolist() == [1, 2, 0, 1, 0, 2, 0]
    ranks = few.features[:, RANKING_FEATURES.index("two_tower_rank")].tolist()
    assert ranks[:3] == [0, 1, 2]
    assert ranks[3] == 0
    assert ranks[4] in (1, 2, 3)
    expected = [line.tolist() for line in np.nan_to_num(whole.features)]
    assert all(line.tolist() in expected for line in np.nan_to_num(few.features))
    for name, values in vars(compute()).items():
        np.testing.assert_array_equal(getattr(few, name), values)


def test_what_was_skipped_early_always_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "UNHEARD", 0)
    plays = [
        ("ann", "a", 10.5),
        ("ann", "b", 10.6, -1.0),
        ("ann", "c", 10.7, -1.0),
        ("ann", "c", 10.8),
        ("ann", "f", 10.9, -1.0),
    ]
    world = builders.dataset(plays, TRACKS)
    sources = Sources({name: FirstTracks() for name in c.RADIO_SOURCES}, TRACKS)
    cut = examples(world, START, START + DAY, max_users=10, seed=0)
    rows = training_rows(cut, sources, Statistics.of(world, START), default_settings().sources, unheard)
    # Of a, b, c, d: a wanted, b skipped, c skipped and then wanted, d unheard; f was no candidate.
    assert rows.labels.tolist() == [1, 0, 1]
    assert rows.features[:, RANKING_FEATURES.index("two_tower_rank")].tolist() == [0, 1, 2]


def test_no_examples_give_no_rows() -> None:
    sources = Sources({name: FirstTracks() for name in c.RADIO_SOURCES}, TRACKS)
    rows = training_rows([], sources, Statistics.of(WORLD, START), default_settings().sources, unheard)
    assert (rows.features.shape, len(rows.labels)) == ((0, len(RANKING_FEATURES)), 0)
