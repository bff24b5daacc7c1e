"""A bundle with vectors in int8 and hashed ids: the same slates from disk for a batch and its singles, of the right genre."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.vectors import as_stored
from crossfade.recommender.bundle import verify
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.schema.tables import Surface
from tests.recommender import world


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plain = world.settings()
    towers = plain.two_tower.model_copy(update={"track_buckets": 20, "artist_buckets": 4})
    index = plain.index.model_copy(update={"vectors_as": "int8"})
    home = tmp_path_factory.mktemp("compact")
    return world.train(home, plain.model_copy(update={"two_tower": towers, "index": index}))


def test_batches_and_singles_get_the_same_slates(bundle: Path) -> None:
    recommender = Recommender.load(bundle)
    users = np.arange(world.NUM_USERS, dtype=np.int32)
    queries = recommender.dataset.queries(users, recommender.as_of)
    for surface in (Surface.DISCOVER_WEEKLY, Surface.RADIO):
        wanted = Requests.of(queries, surface, 8)
        batch = recommender.recommend(wanted)
        assert (batch.lengths == 8).all()
        for user in (0, 7, 39):
            alone = recommender.recommend(wanted.slice(user, user + 1))
            for item in fields(Slates):
                np.testing.assert_array_equal(
                    getattr(alone, item.name), getattr(batch, item.name)[user : user + 1]
                )


def test_listeners_hear_their_genre(bundle: Path) -> None:
    recommender = Recommender.load(bundle).without_exploration()
    queries = recommender.dataset.queries(np.arange(world.NUM_USERS, dtype=np.int32), recommender.as_of)
    slates = recommender.recommend(Requests.of(queries, Surface.DISCOVER_WEEKLY, 8))
    genres = recommender.catalogue.genre_rows[slates.rows, 0]
    rock, jazz = recommender.catalogue.genres.rows(["r", "j"])
    assert (genres == np.where(queries.user_rows % 2, jazz, rock)[:, None]).mean() > 0.9


def test_the_bundle_is_whole_and_small(bundle: Path) -> None:
    verify(bundle)
    recommender = Recommender.load(bundle)
    stored = as_stored(recommender.sources.track_vectors)
    assert stored.itemsize == 8 + 4
    weights = recommender.sources.two_tower.learnt_.weights
    assert (len(weights["residuals"]), len(weights["artists"])) == (20, 4)
    assert recommender.settings.index.vectors_as == "int8"
