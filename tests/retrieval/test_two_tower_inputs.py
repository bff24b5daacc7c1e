"""What the towers read besides histories: words in buckets, other models' vectors, rows of ids."""

from dataclasses import replace
from typing import Any

import numpy as np

from crossfade.features.playlists import Playlists
from crossfade.features.text import track_tokens
from crossfade.retrieval.two_tower_inputs import TrackInputs, input_vectors, user_buckets, word_rows
from crossfade.schema import columns as c
from crossfade.schema.model_settings import TwoTowerSettings
from crossfade.schema.settings import default_settings
from tests import builders
from tests.retrieval import worlds

MODELS = default_settings().input_models


def settings(**changes: Any) -> TwoTowerSettings:
    return default_settings().two_tower.model_copy(update=changes)


def test_words_fall_into_as_many_buckets_as_are_set() -> None:
    tracks = builders.catalogue(
        [{c.TRACK_ID: name, c.TITLE: "blue moon"} for name in "ab"] + [{c.TRACK_ID: "c"}]
    )
    world = builders.dataset([("u", "a", 1.0)], tracks)
    tokens, rows = track_tokens(tracks, Playlists.none()), word_rows(world, 7)
    np.testing.assert_array_equal(rows, np.where(tokens >= 0, tokens % 7, -1))
    assert (rows[2] == -1).all()
    assert word_rows(world, 0).shape == (3, 0)


def test_the_track_tower_reads_all_artists_and_the_primary_first() -> None:
    tracks = builders.catalogue(
        [
            {c.TRACK_ID: "a", c.ARTIST_IDS: ["y", "x"]},
            {c.TRACK_ID: "b", c.ARTIST_IDS: ["z"]},
            {c.TRACK_ID: "c"},
        ]
    )
    world = builders.dataset([("u", "a", 1.0)], tracks)
    inputs = TrackInputs.of(world, settings(), np.ones(3, np.bool_), models=MODELS, seed=1)
    assert [tracks.contributors.names(rows) for rows in inputs.artist_rows] == [
        ["y", "x", None, None],
        ["z", None, None, None],
        [None] * 4,
    ]
    assert inputs.tables["artists"] == 3


def like_and_unlike(name: str) -> tuple[float, float]:
    """Return the mean products of a model's vectors on planted clusters: within jazz, and of jazz with the rest."""
    world = worlds.planted()
    extended = replace(
        world, catalogue=builders.catalogue([*world.catalogue.table.to_pylist(), {c.TRACK_ID: "zzz"}])
    )
    vectors = input_vectors(extended, settings(input_vectors=name), models=MODELS, seed=1)
    lengths = (vectors**2).sum(axis=1)
    assert vectors.dtype == np.float32
    assert lengths[-1] == 0
    assert np.isclose(lengths[lengths > 0].mean(), 1)
    cosines = vectors[:-1] @ vectors[:-1].T
    jazz = np.array([track[0] == "j" for track in world.catalogue.tracks.ids.to_pylist()])
    return float(cosines[np.ix_(jazz, jazz)].mean()), float(cosines[np.ix_(jazz, ~jazz)].mean())


def test_als_vectors_have_unit_length_in_the_mean_and_are_zero_without_listens() -> None:
    like, unlike = like_and_unlike(c.ALS)
    assert like > max(10 * abs(unlike), 0.1)


def test_item2vec_vectors_have_unit_length_in_the_mean_and_are_zero_without_listens() -> None:
    like, unlike = like_and_unlike(c.ITEM2VEC)
    assert like > 0.5
    assert unlike < 0  # it learns to push apart what never stands together


def test_no_model_gives_no_vectors() -> None:
    none = input_vectors(worlds.planted(), settings(input_vectors="none"), models=MODELS, seed=1)
    assert none.shape == (16, 0)


def test_a_users_bucket_follows_the_id_alone() -> None:
    chosen = settings(user_ids=True, user_buckets=1000)
    some, more = builders.users(["ann", "ben"]), builders.users(["aaa", "ann", "ben"])
    np.testing.assert_array_equal(user_buckets(some, chosen), user_buckets(more, chosen)[1:])
    many = user_buckets(builders.users([f"u{i}" for i in range(500)]), chosen)
    assert many.min() >= 0
    assert many.max() < 1000
    assert len(np.unique(many)) > 350  # 1000 (1 - exp(-0.5)) = 393 are expected
    assert len(user_buckets(some, settings(user_ids=False))) == 0
