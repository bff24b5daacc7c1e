"""Sources leave listens out of what they said: as if those had weighed nothing, and all others what they do."""

import numpy as np
import numpy.typing as npt
import pytest

from crossfade.features.affinities import typicality
from crossfade.retrieval import artist_tracks, fading, popular
from crossfade.retrieval.artist_tracks import ArtistTracks
from crossfade.retrieval.ease import Ease
from crossfade.retrieval.heard import Heard
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.popular import Popular
from crossfade.retrieval.sources import unfitted
from crossfade.schema import columns as c
from tests.retrieval import worlds
from tests.retrieval.forgetting import NUM_TRACKS, Case, case, world

Doubles = npt.NDArray[np.float64]
DATA = world()
CASE = case(DATA)
LIKED = CASE.queries.positives


def told(dense: Doubles, of: Case) -> Doubles:
    """Read scores of all tracks [m, num_tracks] where a case asks, NaN where they are not above nothing, or padded."""
    found = np.take_along_axis(dense, np.maximum(of.wanted, 0), axis=1)
    return np.where((of.wanted >= 0) & (found > 1e-7), found, np.nan)


def entries_of(claim: int) -> npt.NDArray[np.int64]:
    """Return the positive entries of a claim's owner that are left."""
    owner = CASE.gone.owners[claim]
    span = np.arange(LIKED.offsets[owner], LIKED.offsets[owner + 1])
    return span[~CASE.is_gone[claim, span]]


def summed(columns: npt.NDArray[np.int32], weights: Doubles, width: int) -> Doubles:
    return np.stack(
        [
            np.bincount(columns[left], weights[left], width)
            for left in (entries_of(claim) for claim in range(len(CASE.gone.owners)))
        ]
    )


def test_heard_tracks_stand_once_the_latest_first() -> None:
    heard = CASE.heard
    for query in range(len(CASE.queries)):
        played = LIKED.track_rows[LIKED.offsets[query] : LIKED.offsets[query + 1]]
        expected = list(dict.fromkeys(played[::-1].tolist()))
        assert heard.tracks[heard.owned[query] : heard.owned[query + 1]].tolist() == expected
    np.testing.assert_array_equal(heard.tracks[heard.entries], LIKED.track_rows)
    ones = heard.sums(np.ones(len(LIKED.track_rows)))
    assert ones.sum() == len(LIKED.track_rows)
    assert ones.max() > 1
    nobody = Heard.of(CASE.queries.take(np.array([5])))
    assert (nobody.owned.tolist(), len(nobody.tracks)) == ([0, 0], 0)


@pytest.mark.parametrize("source", [ItemKnn(5), unfitted(c.EASE, worlds.tiny_settings())])
def test_neighbours_of_tracks_that_are_gone_add_nothing(source: ItemKnn | Ease) -> None:
    source.fit(DATA)
    found = source.recalled(CASE.heard, CASE.queries, CASE.rows).without(CASE.gone, CASE.places)
    weights = fading.fading_places(LIKED, fading.HALF_LIFE_TRACKS, has_time=True)[LIKED.places_from_end]
    weights = weights * np.where(LIKED.in_last_session, fading.LAST_SESSION_WEIGHT, 1.0)
    expected = told(summed(LIKED.track_rows, weights, NUM_TRACKS) @ source.neighbours_.toarray(), CASE)
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    assert np.isfinite(found[1]).any()
    assert np.isnan(found[2]).all()  # all is gone


def test_artists_of_tracks_that_are_gone_are_less_dear() -> None:
    source = ArtistTracks().fit(DATA)
    found = source.recalled(CASE.heard, CASE.queries, CASE.rows).without(CASE.gone, CASE.places)
    weights = fading.fading_plays(
        LIKED, artist_tracks.HALF_LIFE_TRACKS, artist_tracks.HALF_LIFE_DAYS, has_time=True
    )
    weights = weights * np.minimum(LIKED.strengths, artist_tracks.MAX_STRENGTH)
    artists = DATA.catalogue.artist_rows[LIKED.track_rows]
    dear = summed(artists, weights, len(DATA.catalogue.artists)) ** artist_tracks.ARTIST_DAMPING
    reached = dear + artist_tracks.RELATED_WEIGHT * (dear @ source.related_.toarray())
    np.testing.assert_allclose(found, told(reached @ source.tracks_.toarray(), CASE), rtol=2e-5)
    assert np.isnan(found[2]).all()


def test_genres_of_tracks_that_are_gone_lend_their_lists_less() -> None:
    source = Popular().fit(DATA)
    found = source.recalled(CASE.heard, CASE.queries, CASE.rows).without(CASE.gone, CASE.places)
    weights = fading.fading_places(LIKED, popular.HALF_LIFE_TRACKS, has_time=True)[LIKED.places_from_end]
    shares = np.zeros((NUM_TRACKS, len(DATA.catalogue.genres)))
    for track, genres in enumerate(DATA.catalogue.genre_rows):
        known = genres >= 0
        shares[track, genres[known]] = typicality(genres)[known]
    masses = summed(LIKED.track_rows, weights, NUM_TRACKS) @ shares
    totals = masses.sum(axis=1, keepdims=True)
    lists = np.zeros((len(masses), source.lists_.shape[0]))
    lists[:, 0] = popular.GLOBAL_WEIGHT
    known = CASE.gone.country_rows >= 0
    lists[known, 1 + CASE.gone.country_rows[known]] = popular.COUNTRY_WEIGHT
    lists[:, -masses.shape[1] :] = popular.GENRE_WEIGHT * masses / np.where(totals > 0, totals, 1)
    np.testing.assert_allclose(found, told(lists @ source.lists_.toarray(), CASE), rtol=2e-5)
    assert np.isfinite(found[2][CASE.places[2] >= 0]).all()  # everybody's list needs no history
