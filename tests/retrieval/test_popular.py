"""What is popular with everybody, in a country, in a genre."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.retrieval import popular as module
from crossfade.retrieval.popular import Popular
from crossfade.schema import columns as c
from tests import builders

DAY = SECONDS_PER_DAY


def ask(dataset: Dataset, queries: Queries, k: int = 10) -> list[list[str]]:
    rows, _ = Popular().fit(dataset).recommend(queries, k)
    return [[str(name) for name in dataset.catalogue.tracks.names(row[row >= 0])] for row in rows]


def unknown(dataset: Dataset) -> Queries:
    return dataset.queries(np.array([-1], np.int32), 100 * DAY)


def test_popularity_counts_listeners_not_plays() -> None:
    plays = [("ann", "a", 1.0), ("ann", "a", 1.1), ("ann", "a", 1.2), ("ben", "b", 1.0), ("cyd", "b", 1.0)]
    dataset = builders.dataset(plays)
    assert ask(dataset, unknown(dataset)) == [["b", "a"]]


def test_old_listeners_count_less_only_with_timestamps() -> None:
    plays = [("ann", "a", 1.0), ("ben", "a", 1.0), ("cyd", "b", 90.0)]
    dataset = builders.dataset(plays)
    assert ask(dataset, unknown(dataset)) == [["b", "a"]]
    timeless = replace(dataset, split=Split(0, 0, 0, has_time=False))
    assert ask(timeless, unknown(timeless)) == [["a", "b"]]


def test_equally_popular_tracks_come_by_row() -> None:
    dataset = builders.dataset([("ann", name, 1.0) for name in "dbca"])
    assert ask(dataset, unknown(dataset)) == [["a", "b", "c", "d"]]


def test_tracks_that_nobody_wanted_are_not_popular() -> None:
    dataset = builders.dataset([("ann", "a", 1.0), ("ann", "b", 1.0, -1.0)])
    assert ask(dataset, unknown(dataset)) == [["a"]]


def test_a_countrys_own_hits_come_first_there() -> None:
    listeners = [f"se{i:02}" for i in range(20)] + [f"no{i:02}" for i in range(25)]
    dataset = builders.dataset([(name, "s1" if name[0] == "s" else "n1", 1.0) for name in listeners])
    countries = [name[:2].upper() for name in sorted(listeners)]
    dataset = replace(dataset, users=builders.users(sorted(listeners), countries))
    swede = sorted(listeners).index("se00")
    fresh = replace(dataset, interactions=dataset.interactions.where(dataset.interactions.user_rows != swede))
    assert ask(fresh, fresh.queries(np.array([swede, -1], np.int32), DAY)) == [["s1", "n1"], ["n1", "s1"]]


@pytest.fixture
def genres() -> Dataset:
    """Rock has two hits, jazz one small one; ann played a rock track that nobody else knows."""
    tracks = builders.catalogue(
        [
            {"track_id": "j1", "genres": ["jazz"]},
            {"track_id": "j2", "genres": ["jazz"]},
            {"track_id": "r1", "genres": ["rock"]},
            {"track_id": "r2", "genres": ["pop", "rock"]},
        ]
    )
    plays = [(f"ben{i}", "r1", 1.0) for i in range(4)] + [(f"ben{i}", "r2", 1.0) for i in range(4)]
    return builders.dataset([*plays, ("cyd", "j1", 1.0), ("cyd", "j2", 1.0), ("dee", "j1", 1.0)], tracks)


def test_favourite_genres_come_first(genres: Dataset) -> None:
    jazz_fan = genres.users.ids.rows(["dee"])
    # j1 has 2 of 11 listeners and the whole genre weight; rock hits have 4 of 11 but only everybody's weight of 0.1.
    assert ask(genres, genres.queries(jazz_fan, 2 * DAY)) == [["j1", "j2", "r1", "r2"]]


def test_a_tracks_first_genre_is_its_most_typical(genres: Dataset) -> None:
    rock_fan = genres.users.ids.rows(["ben0"])
    only_r1 = genres.queries(rock_fan, 2 * DAY).keep(np.array([True, False]))
    # Profile rock 1: r1 gets 1, r2, whose second genre is rock, gets 1/2 of their equal popularity.
    assert ask(genres, only_r1)[0][:2] == ["r1", "r2"]


def test_each_list_is_cut(genres: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRACKS_PER_LIST", 1)
    fitted = Popular().fit(genres)
    assert np.diff(fitted.lists_.indptr).tolist() == [1, 1, 1, 1]  # everybody's, jazz, pop, rock


def test_a_genre_of_long_ago_has_no_weight_and_no_second_entry() -> None:
    # So many tracks ago that a play weighs nothing in single floats.
    plays = [("ann", "old" if place < 3 else "new", 1 + place / 10_000) for place in range(10_000)]
    described = {"old": ["folk", "punk"], "new": ["jazz"]}
    tracks = builders.catalogue([{c.TRACK_ID: name, c.GENRES: genres} for name, genres in described.items()])
    dataset = builders.dataset(plays, tracks)
    weights = Popular().fit(dataset)._weights(dataset.queries(np.array([0], np.int32), 60 * DAY))
    jazz = 1 + len(dataset.users.countries) + tracks.genres.ids.to_pylist().index("jazz")
    assert dict(zip(weights.indices.tolist(), weights.data.tolist(), strict=True)) == {
        0: np.float32(module.GLOBAL_WEIGHT),
        jazz: module.GENRE_WEIGHT,
    }
