"""Histories are the first listens of the test period alone; what is liked later, and only that, is the truth."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.evaluation.baselines import popular_in_country_and_genre
from crossfade.evaluation.first_listens import first_listens_truth
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.schema.errors import TrainingError
from tests import builders
from tests.evaluation import worlds

GENRES = {"a": ["folk", "pop"], "b": ["pop"], "c": []}


def _world(plays: list[builders.Play | builders.StrongPlay]) -> Dataset:
    names = sorted({play[1] for play in plays})
    return worlds.dataset(plays, [{"track_id": name, "genres": GENRES[name[0]]} for name in names])


def _listeners() -> Dataset:
    """ann: long before, then three liked listens and more; bob: too few; eve: likes nothing new afterwards."""
    return _world(
        [
            ("ann", "a9", 1.0),
            ("ann", "a1", 11.0),
            ("ann", "c1", 11.5, -1.0),
            ("ann", "a2", 12.0),
            ("ann", "b1", 13.0),
            ("ann", "b3", 13.0),
            ("ann", "a1", 14.0),
            ("ann", "b2", 15.0),
            ("ann", "c2", 16.0, -1.0),
            ("ann", "a9", 17.0),
            ("ann", "b4", 21.0),
            ("bob", "a1", 11.0),
            ("bob", "a2", 12.0),
            ("eve", "a1", 11.0),
            ("eve", "a2", 12.0),
            ("eve", "b1", 13.0),
            ("eve", "a1", 14.0),
        ]
    )


def test_only_what_comes_after_the_third_listen_is_wanted() -> None:
    world = _listeners()
    known = world.until(worlds.START)
    truth = first_listens_truth(world, known, np.arange(3, dtype=np.int32))
    tracks = world.catalogue.tracks
    assert world.users.ids.names(truth.queries.user_rows) == ["ann"]
    assert tracks.names(truth.queries.track_rows) == ["a1", "a2", "b1"]
    # Not b3, of the same second as the third listen, nor the repeated a1, skips, or what comes after the period.
    assert tracks.names(truth.track_rows) == ["a9", "b2"]
    assert truth.queries.as_of.tolist() == [13 * SECONDS_PER_DAY + 1]
    assert truth.offsets.tolist() == [0, 2]
    assert truth.popularity.listens.sum() == 1


def test_two_listens_let_more_listeners_in_and_only_those_asked_for() -> None:
    world = _listeners()
    known = world.until(worlds.START)
    two = first_listens_truth(world, known, np.arange(3, dtype=np.int32), 2)
    assert world.users.ids.names(two.queries.user_rows) == ["ann", "eve"]
    assert np.diff(two.queries.offsets).tolist() == [2, 2]
    eve = world.users.ids.rows(["eve"])
    assert first_listens_truth(world, known, eve, 2).queries.user_rows.tolist() == eve.tolist()


def test_nobody_with_more_to_like_is_said() -> None:
    world = _listeners()
    with pytest.raises(
        TrainingError, match=r"first 3 listens needs listeners who like more .* none among 1;"
    ):
        first_listens_truth(world, world, world.users.ids.rows(["bob"]))


def test_popular_in_country_and_genre_knows_both() -> None:
    # a and b differ in their main genre; c has none. In NO b2 leads, everywhere b1 does.
    heard = {
        "n1": "b2 a1",
        "n2": "b2 b1",
        "s1": "b1 a1",
        "s2": "b1 c1",
        "s3": "b1 a2 a1",
        "n3": "b3",
        "ask": "b3",
    }
    plays: list[builders.Play | builders.StrongPlay] = [
        (user, track, 1.0 + place)
        for user, tracks in heard.items()
        for place, track in enumerate(tracks.split())
    ]
    world = _world(plays)
    names = sorted(heard)
    countries = [{"n": "NO", "s": "SE", "a": None}[name[0]] for name in names]
    world = replace(world, users=builders.users(names, countries))
    system = popular_in_country_and_genre(world, worlds.START)

    def answer(user: str, k: int) -> list[str | None]:
        queries = world.queries(world.users.ids.rows([user]), worlds.START)
        return world.catalogue.tracks.names(system(queries, k)[0][0])

    assert answer("n3", 2) == ["b2", "b1"]  # of its genre, by listeners in NO
    assert answer("ask", 2) == ["b1", "b2"]  # the country is unknown: everybody counts
    assert answer("n3", 3) == ["b2", "b1", "a1"]  # then other genres
    assert "b1" not in answer("s2", 6)  # heard tracks are left out
