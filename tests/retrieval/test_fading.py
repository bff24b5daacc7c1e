"""What recent plays, genres and artists weigh, against loops over the histories."""

import numpy as np
import pytest

from crossfade.features.interactions import Queries
from crossfade.retrieval import fading
from crossfade.retrieval.artist_tracks import RELATED_WEIGHT, ArtistTracks
from crossfade.retrieval.fading import HALF_LIFE_TRACKS, LAST_SESSION_WEIGHT, fading_plays, recent_likes
from crossfade.retrieval.popular import COUNTRY_WEIGHT, GENRE_WEIGHT, GLOBAL_WEIGHT, Popular
from crossfade.retrieval.popular import HALF_LIFE_TRACKS as HALF_LIFE_OF_GENRES
from tests import builders
from tests.retrieval.forgetting import said

TRACKS = [
    {"track_id": f"t{row}", "artist_ids": [f"a{row % 3}"], "genres": [f"g{row % 4}", f"g{row % 5}"]}
    for row in range(8)
]
PLAYS = [
    (("ann", "ben")[turn % 3 == 0], f"t{turn * 5 % 8}", turn // 2 + turn % 2 / 100) for turn in range(24)
]


@pytest.fixture(scope="module")
def queries() -> Queries:
    """Ann and ben, who share their days, and a stranger."""
    return DATASET.queries(np.array([0, 1, -1], np.int32), 13 * 86_400)


DATASET = builders.dataset(PLAYS, builders.catalogue(TRACKS))


@pytest.mark.parametrize("last_tracks", [300, 3])
def test_recent_likes_fade_by_place(
    queries: Queries, last_tracks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fading, "LAST_TRACKS", last_tracks)
    expected = np.zeros((3, 8))
    for query in range(3):
        history = range(queries.offsets[query], queries.offsets[query + 1])
        for age, entry in enumerate(reversed(history)):
            is_last = queries.sessions[entry] == queries.sessions[history[-1]]
            weight = 0.5 ** (age / HALF_LIFE_TRACKS) * (LAST_SESSION_WEIGHT if is_last else 1)
            expected[query, queries.track_rows[entry]] += weight * (age < last_tracks)
    found = recent_likes(queries, 8, has_time=True).scipy().toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_lists_of_genres_weigh_by_their_share_of_plays(queries: Queries) -> None:
    popular, genres = Popular().fit(DATASET), DATASET.catalogue.genre_rows
    num_genres = len(DATASET.catalogue.genres)
    found = popular._weights(queries).scipy().toarray()
    for query in range(3):
        history = range(queries.offsets[query], queries.offsets[query + 1])
        mass = np.zeros(num_genres)
        for age, entry in enumerate(reversed(history)):
            for place, genre in enumerate(genres[queries.track_rows[entry]]):
                if genre >= 0:
                    mass[genre] += 0.5 ** (age / HALF_LIFE_OF_GENRES) / (1 + place)
        shares = GENRE_WEIGHT * mass / mass.sum() if mass.any() else mass
        np.testing.assert_allclose(found[query, -num_genres:], shares, rtol=1e-6)
        country = queries.country_rows[query]
        assert found[query, 0] == np.float32(GLOBAL_WEIGHT)
        assert found[query, 1:-num_genres].sum() == np.float32(COUNTRY_WEIGHT) * (country >= 0)


def test_asking_about_a_few_tracks_is_the_whole_product(queries: Queries) -> None:
    source = ArtistTracks().fit(DATASET)
    # own x (identity + what related artists get) x tracks, all of it.
    reach = np.eye(3) + RELATED_WEIGHT * source.related_.toarray()
    whole = source._own_weights(queries).scipy().toarray() @ reach @ source.tracks_.toarray()
    rows = np.array([[0, 5, -1], [7, 3, 1], [2, -1, 4]], np.int32)
    expected = np.take_along_axis(whole, np.maximum(rows, 0), axis=1)
    expected[(rows < 0) | (expected <= 0)] = np.nan
    np.testing.assert_allclose(said(source, queries, rows), expected, rtol=1e-6)


def test_plays_fade_by_place_and_by_days(queries: Queries) -> None:
    days = (queries.as_of[queries.owners] - queries.seconds) / 86_400
    expected = 0.5 ** (queries.places_from_end / 20.0 + days / 3.0)
    np.testing.assert_allclose(fading_plays(queries, 20.0, 3.0, has_time=True), expected, rtol=1e-12)
    by_place = fading_plays(queries, 20.0, np.inf, has_time=True)
    np.testing.assert_allclose(by_place, 0.5 ** (queries.places_from_end / 20.0), rtol=1e-12)
    assert (fading_plays(queries, 20.0, 3.0, has_time=False) == 1).all()
