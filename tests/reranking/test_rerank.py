"""The kernel chooses what the formula chooses; caps hold; ties have one answer."""

import numpy as np
import pytest

from crossfade.reranking.rerank import GenreProfiles, RerankWeights, TrackColumns, best_first, rerank
from tests.reranking import oracle

NUM_TRACKS, NUM_GENRES, DIM = 300, 12, 16


def columns(rng: np.random.Generator) -> TrackColumns:
    # Vectors of sixteenths: their products are exact in float32, so kernel and oracle see the same cosines.
    genres = np.where(
        rng.random((NUM_TRACKS, 5)) < 0.5, rng.permuted(np.tile(np.arange(12), (300, 1)), axis=1)[:, :5], -1
    )
    return TrackColumns(
        rng.integers(-1, 60, NUM_TRACKS).astype(np.int32),
        rng.integers(-1, 120, NUM_TRACKS).astype(np.int32),
        genres.astype(np.int32),
        NUM_GENRES,
        rng.random(NUM_TRACKS).astype(np.float32),
        (rng.integers(-6, 7, (NUM_TRACKS, DIM)) / 16).astype(np.float32),
    )


def plain(num_tracks: int, **change: np.ndarray) -> TrackColumns:
    """Tracks of different artists without album, genre or likeness, unless changed."""
    base = TrackColumns(
        np.arange(num_tracks, dtype=np.int32),
        np.full(num_tracks, -1, np.int32),
        np.full((num_tracks, 5), -1, np.int32),
        4,
        np.zeros(num_tracks, np.float32),
        np.eye(num_tracks, dtype=np.float32),
    )
    return base._replace(**change)


def profile(shares: dict[int, float], n: int = 1) -> GenreProfiles:
    rows, values = np.full((n, 32), -1, np.int32), np.zeros((n, 32))
    rows[:, : len(shares)], values[:, : len(shares)] = list(shares), list(shares.values())
    return GenreProfiles(rows, values)


def chosen(
    scores: list[float], k: int, tracks: TrackColumns, weights: RerankWeights, **mix: GenreProfiles
) -> list[int]:
    rows = np.arange(len(scores), dtype=np.int32)[None]
    profiles = mix.get("profiles", profile({}))
    return rerank(rows, np.array([scores], np.float32), k, tracks=tracks, profiles=profiles, weights=weights)[
        0
    ].tolist()


WEIGHTS = [
    RerankWeights(),
    RerankWeights(diversity=0.4),
    RerankWeights(calibration=0.3),
    RerankWeights(popularity_penalty=0.5, max_per_artist=1),
    RerankWeights(0.2, 0.1, 0.1, 2, 1),
    RerankWeights(1.0, 1.0, 0.0, 3, 2),
]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_slates_equal_the_oracles(weights: RerankWeights) -> None:
    rng = np.random.default_rng(3)
    tracks = columns(rng)
    n, c, k = 12, 60, 15
    rows = np.stack([rng.permutation(NUM_TRACKS)[:c] for _ in range(n)]).astype(np.int32)
    rows[:, 40:] = np.where(rng.random((n, 20)) < 0.5, rows[:, 40:], -1)
    rows[0] = -1
    scores = rng.normal(size=(n, c)).astype(np.float32).round(1)  # rounded: many ties
    shares = rng.dirichlet(np.ones(8) * 0.4, n) + 1e-6
    genres = np.stack([rng.permutation(NUM_GENRES)[:8] for _ in range(n)])
    profiles = profile({}, n)
    profiles.genre_rows[1:, :8], profiles.shares[1:, :8] = (
        genres[1:],
        (shares / shares.sum(1, keepdims=True))[1:],
    )
    got = rerank(rows, scores, k, tracks=tracks, profiles=profiles, weights=weights)
    for query in range(n):
        mix = oracle.mix_of(profiles, query)
        want = oracle.slate(rows[query], scores[query], k, tracks, mix, weights)
        assert got[query].tolist() == want + [-1] * (k - len(want)), query


def test_a_batch_equals_its_singles() -> None:
    rng = np.random.default_rng(5)
    tracks, weights = columns(rng), RerankWeights(0.3, 0.2, 0.1, 2, 2)
    rows = np.stack([rng.permutation(NUM_TRACKS)[:50] for _ in range(6)]).astype(np.int32)
    scores = rng.normal(size=rows.shape).astype(np.float32)
    profiles = profile({0: 0.5, 3: 0.3, 7: 0.2}, 6)
    batch = rerank(rows, scores, 10, tracks=tracks, profiles=profiles, weights=weights)
    for query in range(6):
        one = slice(query, query + 1)
        single = GenreProfiles(profiles.genre_rows[one], profiles.shares[one])
        alone = rerank(rows[one], scores[one], 10, tracks=tracks, profiles=single, weights=weights)
        assert alone.tolist() == batch[one].tolist()


def test_without_weights_the_order_is_the_scores_and_ties_take_the_lower_row() -> None:
    assert chosen([0.5, 0.9, 0.9, 0.1], 4, plain(4), RerankWeights()) == [1, 2, 0, 3]
    assert chosen([0.7, 0.7, 0.7], 3, plain(3), RerankWeights(0.5)) == [0, 1, 2]


def test_ties_do_not_depend_on_the_order_of_candidates() -> None:
    rows, scores = np.array([[2, 0, 1]], np.int32), np.zeros((1, 3), np.float32)
    places = rerank(rows, scores, 3, tracks=plain(3), profiles=profile({}), weights=RerankWeights())
    assert rows[0, places[0]].tolist() == [0, 1, 2]


def test_caps_hold_even_where_the_slate_gets_short() -> None:
    same = plain(4, artist_rows=np.array([7, 7, 7, -1], np.int32))
    assert chosen([4, 3, 2, 1], 4, same, RerankWeights(max_per_artist=2)) == [0, 1, 3, -1]
    album = plain(4, album_rows=np.array([5, 5, 1, 5], np.int32))
    assert chosen([4, 3, 2, 1], 4, album, RerankWeights(max_per_album=1)) == [0, 2, -1, -1]


def test_tracks_without_artist_or_album_are_not_capped() -> None:
    unknown = plain(3, artist_rows=np.full(3, -1, np.int32))
    assert chosen([3, 2, 1], 3, unknown, RerankWeights(max_per_artist=1, max_per_album=1)) == [0, 1, 2]


def test_diversity_prefers_the_unlike() -> None:
    # 1 is a copy of 0; gains of the second step: 0.5 * 0.9 - 0.5 * 1 = -0.05 against 0.5 * 0 - 0 = 0.
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert chosen([1.0, 0.9, 0.0], 2, plain(3, vectors=vectors), RerankWeights(diversity=0.5)) == [0, 2]
    assert chosen([1.0, 0.9, 0.0], 2, plain(3, vectors=vectors), RerankWeights()) == [0, 1]


def test_calibration_gives_each_genre_its_share() -> None:
    # Ten better tracks of genre 0, ten of genre 1; the listener hears three quarters genre 0.
    genres = np.full((20, 5), -1, np.int32)
    genres[:10, 0], genres[10:, 0] = 0, 1
    scores = [2.0 - 0.01 * place for place in range(20)]
    tracks, mix = plain(20, genre_rows=genres), profile({0: 0.75, 1: 0.25})
    calibrated = chosen(scores, 8, tracks, RerankWeights(calibration=100.0), profiles=mix)
    assert sum(place < 10 for place in calibrated) == 6
    assert all(place < 10 for place in chosen(scores, 8, tracks, RerankWeights(), profiles=mix))


def test_the_pull_against_popularity_lifts_the_rare() -> None:
    tracks = plain(2, popularity=np.array([1.0, 0.0], np.float32))
    assert chosen([1.0, 0.8], 2, tracks, RerankWeights(popularity_penalty=1.5)) == [1, 0]
    assert chosen([1.0, 0.8], 2, tracks, RerankWeights(popularity_penalty=0.5)) == [0, 1]


def test_nobody_and_nothing() -> None:
    nobody = rerank(
        np.zeros((0, 5), np.int32),
        np.zeros((0, 5), np.float32),
        3,
        tracks=plain(5),
        profiles=profile({}, 0),
        weights=WEIGHTS[4],
    )
    assert nobody.shape == (0, 3)
    nothing = rerank(
        np.zeros((1, 0), np.int32),
        np.zeros((1, 0), np.float32),
        3,
        tracks=plain(0),
        profiles=profile({}),
        weights=WEIGHTS[4],
    )
    assert nothing.tolist() == [[-1, -1, -1]]


def test_best_first_sorts_by_score_then_row_and_padding_comes_last() -> None:
    scores = np.array([[0.0, -1.5, -0.0, 2.0, 2.0, -np.inf, -1e-30, np.inf]], np.float32)
    rows = np.array([[4, 3, 1, 9, 7, -1, 2, 0]], np.int32)
    assert best_first(rows, scores).tolist() == [[7, 4, 3, 2, 0, 6, 1, 5]]
    random = np.random.default_rng(1)
    many = random.normal(0, 3, (20, 90)).round(1).astype(np.float32)
    tracks = random.permuted(np.tile(np.arange(90, dtype=np.int32), (20, 1)), axis=1)
    np.testing.assert_array_equal(best_first(tracks, many), np.lexsort((tracks, -many), axis=1))
