"""New and small artists, and the shares of places that they may have."""

import numpy as np
import pytest

from crossfade.reranking.artist_kinds import artist_kinds, small_artists
from crossfade.reranking.rerank import RerankWeights, rerank
from tests import builders
from tests.reranking.test_rerank import plain, profile


def test_an_artist_is_new_until_played_and_unknown_without_a_name() -> None:
    tracks = builders.catalogue(
        [{"track_id": name, "artist_ids": [name[0]]} for name in ("a1", "a2", "b1", "c1")]
        + [{"track_id": "x"}]
    )
    dataset = builders.dataset([("u", "a1", 1), ("v", "b1", 1, -1.0)], tracks)
    queries = dataset.queries(np.array([0, 1, -1], np.int32), dataset.split.end)
    rows = np.tile(np.array([0, 1, 2, 3, 4, -1], np.int32), (3, 1))
    kinds = artist_kinds(queries, rows, tracks.artist_rows, np.array([False, True, True]))
    assert kinds[..., 0].tolist() == [[0, 0, 1, 1, -1, -1], [1, 1, 0, 1, -1, -1], [1, 1, 1, 1, -1, -1]]
    assert kinds[..., 1].tolist() == [[0, 0, 1, 1, -1, -1]] * 3


def test_without_artists_all_kinds_are_unknown() -> None:
    tracks = builders.catalogue([{"track_id": "a"}])
    dataset = builders.dataset([("u", "a", 1)], tracks)
    queries = dataset.queries(np.array([0], np.int32), dataset.split.end)
    kinds = artist_kinds(queries, np.array([[0, -1]], np.int32), tracks.artist_rows, np.zeros(0, np.bool_))
    assert (kinds == -1).all()


def test_large_artists_are_the_fewest_that_gather_four_fifths() -> None:
    assert small_artists(np.array([5, 70, 15, 10], np.float32)).tolist() == [True, False, False, True]
    assert small_artists(np.zeros(2, np.float32)).tolist() == [True, True]
    assert small_artists(np.zeros(0, np.float32)).tolist() == []


def slate(weights: RerankWeights, kinds: list[list[int]], k: int = 4) -> list[int]:
    """Eight candidates, best first; `kinds` are (new, small) of each."""
    rows, scores = np.arange(8, dtype=np.int32)[None], -np.arange(8, dtype=np.float32)[None]
    marks = np.array([kinds], np.int8)
    places = rerank(rows, scores, k, tracks=plain(8), profiles=profile({}), weights=weights, kinds=marks)
    return places[0].tolist()


OLD_AND_LARGE, NEW, SMALL, UNKNOWN = [0, 0], [1, 0], [0, 1], [-1, -1]


@pytest.mark.parametrize(
    ("weights", "kinds", "wanted"),
    [
        # Half of four places for new artists: two old ones, then the best new ones.
        (RerankWeights(new_artists=(0.5, 1.0)), [OLD_AND_LARGE] * 5 + [NEW] * 3, [0, 1, 5, 6]),
        # A quarter at most for new ones.
        (RerankWeights(new_artists=(0.0, 0.25)), [NEW] * 5 + [OLD_AND_LARGE] * 3, [0, 5, 6, 7]),
        (RerankWeights(small_artists=(0.25, 1.0)), [OLD_AND_LARGE] * 7 + [SMALL], [0, 1, 2, 7]),
        # Both at once, by one and the same kind of artist or by two.
        (
            RerankWeights(new_artists=(0.25, 1.0), small_artists=(0.25, 1.0)),
            [OLD_AND_LARGE] * 5 + [NEW, SMALL, [1, 1]],
            [0, 1, 2, 7],
        ),
        # A share of 0.3 of 4 places is 1.2: two places.
        (RerankWeights(new_artists=(0.3, 1.0)), [OLD_AND_LARGE] * 5 + [NEW] * 3, [0, 1, 5, 6]),
        # One new artist only: the other place that is kept for them stays empty.
        (RerankWeights(new_artists=(0.5, 1.0)), [OLD_AND_LARGE] * 7 + [NEW], [0, 1, 7, -1]),
        # Unknown artists are neither and count nowhere.
        (RerankWeights(new_artists=(1.0, 1.0)), [UNKNOWN] * 2 + [OLD_AND_LARGE] * 5 + [NEW], [0, 1, 7, -1]),
    ],
)
def test_shares_are_kept_even_where_the_slate_gets_short(
    weights: RerankWeights, kinds: list[list[int]], wanted: list[int]
) -> None:
    assert slate(weights, kinds) == wanted
