"""Queries go into a bundle's numbering and slates come back, also when the catalogues differ."""

from dataclasses import replace

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.traits import vocabulary
from crossfade.features.translation import Translation
from tests import builders


def _with_countries(world: Dataset, countries: list[str | None]) -> Dataset:
    ids = world.users.ids.ids.to_pylist()
    return replace(world, users=builders.users(ids, countries))


def test_rows_of_two_catalogues_meet_by_id() -> None:
    # The dataset knows tracks b c d and users u v w; the bundle a b c and users v w.
    plays = [("u", "b", 1.0), ("u", "c", 2.0), ("u", "d", 3.0), ("v", "d", 1.0), ("w", "c", 1.0)]
    dataset = _with_countries(builders.dataset(plays), ["SE", "DE", None])
    bundle = _with_countries(
        builders.dataset([("v", "a", 1.0), ("v", "b", 1.0), ("w", "c", 1.0)]), ["DE", None]
    )
    queries = dataset.queries(np.array([0, 1, 2, -1], np.int32), 9 * SECONDS_PER_DAY)
    translation = Translation(dataset, bundle)
    inside = translation.into_bundle(queries)
    assert inside.user_rows.tolist() == [-1, 0, 1, -1]
    assert inside.country_rows.tolist() == [-1, 0, -1, -1]
    # d is unknown to the bundle and leaves the histories with its time.
    assert inside.offsets.tolist() == [0, 2, 2, 3, 3]
    assert bundle.catalogue.tracks.names(inside.track_rows) == ["b", "c", "c"]
    assert inside.seconds.tolist() == [SECONDS_PER_DAY, 2 * SECONDS_PER_DAY, SECONDS_PER_DAY]
    slates = np.array([[2, 0, 1], [1, -1, -1]], np.int32)  # c a b, and b
    back = translation.out_of_bundle(slates)
    assert [dataset.catalogue.tracks.names(row) for row in back] == [["c", None, "b"], ["b", None, None]]


def test_traits_meet_by_name() -> None:
    world = builders.dataset([("u", "a", 1.0)])
    here, there = vocabulary({"device=car": 1, "device=phone": 1}), vocabulary({"device=phone": 1})
    queries = world.queries(np.array([0], np.int32), 9 * SECONDS_PER_DAY)
    told = np.array([[-1, *here.rows(["device=phone", "device=car"]), -1, -1, -1]], np.int8)
    translation = Translation(replace(world, traits=here), replace(world, traits=there))
    inside = translation.into_bundle(replace(queries, traits=told)).traits
    assert inside is not None
    assert inside.dtype == np.int8
    assert inside.tolist() == [[-1, there.rows(["device=phone"])[0], -1, -1, -1, -1]]


def test_equal_datasets_translate_to_themselves() -> None:
    dataset = builders.dataset([("u", "a", 1.0), ("v", "b", 2.0)])
    queries = dataset.queries(np.array([1, 0], np.int32), 9 * SECONDS_PER_DAY)
    translation = Translation(dataset, dataset)
    inside = translation.into_bundle(queries)
    for name, column in vars(queries).items():
        np.testing.assert_array_equal(getattr(inside, name), column)
    rows = np.array([[1, 0, -1]], np.int32)
    np.testing.assert_array_equal(translation.out_of_bundle(rows), rows)


def test_a_bundle_without_users_knows_nobody() -> None:
    dataset = builders.dataset([("u", "a", 1.0)])
    empty = replace(dataset, users=builders.users([]))
    queries = dataset.queries(np.array([0], np.int32), 9 * SECONDS_PER_DAY)
    assert Translation(dataset, empty).into_bundle(queries).user_rows.tolist() == [-1]
    assert Translation(empty, dataset).into_bundle(
        empty.queries(np.array([-1], np.int32), 9)
    ).user_rows.tolist() == [-1]
