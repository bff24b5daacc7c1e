"""Materialising: gold keeps the history, the store switches to the newest, and a bundle reads it as its own counts."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.definitions import ARTIST, STORED_ENTITIES, USER
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.statistics import Statistics
from crossfade.lake.lake import GOLD, Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FeatureStore
from crossfade.store.latest import latest_statistics
from crossfade.store.materialise import materialise, trained_with
from tests import builders
from tests.features.gold import gold_lake

SETTINGS = parse_settings("skips: {correct: false}\nweekly: {keep_generations: 2}\n")
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def dataset() -> Dataset:
    plays = [(f"u{n % 5}", f"{'abc'[n % 3]}{n % 7}", n / 2, 1.0 if n % 4 else -0.5) for n in range(60)]
    made = builders.dataset(plays)
    return replace(made, users=builders.users([f"u{n}" for n in range(5)], ["SE", "NO", "SE", None, "DK"]))


@pytest.fixture
def lake(dataset: Dataset, tmp_path: Path) -> Lake:
    return gold_lake(tmp_path / "lake", dataset)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(EmbeddedStore(tmp_path / "store"))


def test_the_store_gives_what_training_counts(dataset: Dataset, lake: Lake, store: FeatureStore) -> None:
    written = materialise(lake, SETTINGS, store, now=NOW)
    assert written.is_live
    assert written.as_of == int(dataset.interactions.seconds.max()) + 1
    latest, counted = latest_statistics(dataset, store.reader()), Statistics.of(dataset, written.as_of)
    for each in fields(Statistics):
        np.testing.assert_array_equal(getattr(latest, each.name), getattr(counted, each.name), each.name)


def test_what_the_store_does_not_know_was_never_played(
    dataset: Dataset, lake: Lake, store: FeatureStore
) -> None:
    materialise(lake, SETTINGS, store, now=NOW)
    more = builders.dataset([("u0", "a0", 1.0), ("u0", "zz", 2.0)])
    latest = latest_statistics(more, store.reader())
    assert latest.track_listens[1] == latest.artist_listens[1] == 0
    assert latest.track_first_seconds[1] == -1
    assert latest.track_listens[0] > 0


def test_gold_keeps_when_the_rows_are_of_and_when_they_were_written(lake: Lake, store: FeatureStore) -> None:
    written = materialise(lake, SETTINGS, store, now=NOW)
    for entity in STORED_ENTITIES:
        rows = lake.read(GOLD, entity.table)
        assert rows.num_rows == written.num_rows[entity.name]
        assert set(rows.column(c.CREATED_AT).to_pylist()) == {NOW}
        assert {int(moment.timestamp()) for moment in rows.column(c.TIMESTAMP).to_pylist()} == {written.as_of}


def test_a_second_call_writes_nothing(lake: Lake, store: FeatureStore) -> None:
    first = materialise(lake, SETTINGS, store, now=NOW)
    versions, pins = lake.versions(), lake.pins()
    assert materialise(lake, SETTINGS, store) == first
    assert lake.versions() == versions
    assert len(store.rows.generations("features")) == 1
    assert not any(entity.table in pins for entity in STORED_ENTITIES)


def test_a_backfill_goes_to_gold_alone(lake: Lake, store: FeatureStore) -> None:
    live = materialise(lake, SETTINGS, store, now=NOW)
    written = materialise(lake, SETTINGS, store, as_of=10 * SECONDS_PER_DAY, now=NOW)
    assert not written.is_live
    assert store.reader().generation.name == live.generation != written.generation
    assert lake.read(GOLD, ARTIST.table).num_rows == 2 * live.num_rows["artist"]


def test_old_generations_make_room(lake: Lake, store: FeatureStore) -> None:
    names = [materialise(lake, SETTINGS, store, as_of=day * SECONDS_PER_DAY).generation for day in (40, 41)]
    assert materialise(lake, SETTINGS, store, as_of=42 * SECONDS_PER_DAY).removed == (names[0],)


def test_a_moment_sees_nothing_later(lake: Lake, store: FeatureStore) -> None:
    materialise(lake, SETTINGS, store, as_of=SECONDS_PER_DAY)
    reader = store.reader()
    # u0 played on day 0 (a skip), u1 on day 0.5; the others later.
    assert [reader.get_many(USER, [f"u{n}" for n in range(5)])["user_plays"].tolist()] == [[1, 1, 0, 0, 0]]


def test_before_the_first_champion_defaults_count(tmp_path: Path) -> None:
    assert trained_with(Workspace.create(tmp_path / "workspace")) == (default_settings(), None)
