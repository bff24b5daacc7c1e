"""Stored features of a tiny world, row by row, and nothing from after their moment."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features import stored
from crossfade.features.dataset import Dataset
from crossfade.features.definitions import ARTIST, COUNTRY, COUNTRY_TRACK, STORED_ENTITIES, TRACK, USER
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.statistics import Statistics
from crossfade.features.stored import schema_of, stored_features
from tests import builders

DAY = SECONDS_PER_DAY
NOW = 30 * DAY
PLAYS = [
    ("ann", "a1", 10.0),
    ("ann", "b1", 10.5, -0.5),
    ("ann", "a1", 27.0),
    ("ben", "b1", 29.0, 5.0),
    ("cat", "a2", 31.0),  # after the moment
]


@pytest.fixture
def dataset() -> Dataset:
    users = builders.users(["ann", "ben", "cat"], ["SE", "NO", None])
    return replace(builders.dataset(PLAYS), users=users)


def rows(table: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def test_values_are_those_of_the_moment(dataset: Dataset) -> None:
    tables = stored_features(dataset, NOW)
    # Listens, plays, summed skips, artists, last seconds.
    assert rows(tables[USER]) == [
        ("ann", 2, 3, 0.5, 1, 27 * DAY),
        ("ben", 1, 1, 0, 1, 29 * DAY),
        ("cat", 0, 0, 0, 0, -1),
    ]
    # Everybody skips 0.5 and saves 1 in 4 plays: a1 has (0 + 20 * 0.125) / 22, b1 (0.5 + 2.5) / 22, a2 2.5 / 20.
    found = [(row[0], *map(float, row[1:5]), round(float(row[5]), 5), row[7]) for row in rows(tables[TRACK])]
    assert found == [
        ("a1", 2, 1, 2, 1, round(2.5 / 22, 5), 10 * DAY),
        ("a2", 0, 0, 0, 0, round(2.5 / 20, 5), -1),
        ("b1", 1, 1, 1, 1, round(3 / 22, 5), 29 * DAY),
    ]
    assert rows(tables[ARTIST]) == [("a", 2, 1, 1), ("b", 1, 1, 1)]
    assert [(name, round(share, 4)) for name, share in rows(tables[COUNTRY])] == [
        ("NO", 0.3333),
        ("SE", 0.6667),
    ]
    assert rows(tables[COUNTRY_TRACK]) == [("NO", "b1", 1), ("SE", "a1", 2)]


def test_what_training_reads_is_what_is_stored(dataset: Dataset) -> None:
    tables, statistics = stored_features(dataset, NOW), Statistics.of(dataset, NOW)
    for entity in (TRACK, ARTIST):
        for name in schema_of(entity).names[1:]:
            np.testing.assert_array_equal(
                tables[entity].column(name).to_numpy(), getattr(statistics, name), name
            )


def test_users_come_by_batches(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stored_features(dataset, NOW)[USER]
    monkeypatch.setattr(stored, "BATCH_USERS", 2)
    assert stored_features(dataset, NOW)[USER].equals(whole)


def test_nothing_known_gives_empty_tables_of_the_same_types() -> None:
    tables = stored_features(builders.dataset([]), NOW)
    assert {entity: table.num_rows for entity, table in tables.items()} == dict.fromkeys(STORED_ENTITIES, 0)
    assert all(table.schema == schema_of(entity) for entity, table in tables.items())
