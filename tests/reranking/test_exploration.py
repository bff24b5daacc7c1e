"""Explored places go to drawn genres' best tracks, inside every cap, with the probability that is told."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.interactions import Queries
from crossfade.reranking.exploration import (
    MOST_GENRES,
    SECONDS_PER_WEEK,
    Evidence,
    Exploration,
    explore,
    genre_rates,
    keys,
    shapes_of,
)
from crossfade.reranking.rerank import RerankWeights, TrackColumns
from tests import builders
from tests.reranking.test_rerank import plain

K, CANDIDATES = 6, 24
EXPLORATION = Exploration((3, 5), 4.0, 7)


def tracks_of_genres(num_tracks: int, num_genres: int, **change: np.ndarray) -> TrackColumns:
    """Track t has the genre t modulo the number of genres."""
    genres = np.full((num_tracks, 5), -1, np.int32)
    genres[:, 0] = np.arange(num_tracks) % num_genres
    return plain(num_tracks, genre_rows=genres, **change)._replace(num_genres=num_genres)


def listeners(n: int, *, track: int | None = None, strength: float = 1.0, plays: int = 30) -> Queries:
    """Return known users who all played one track, or nothing."""
    played = [
        (f"u{user:04}", f"t{track or 0:03}", 1 + play / 100, strength)
        for user in range(n)
        for play in range(plays)
    ]
    world = builders.catalogue([{"track_id": f"t{row:03}"} for row in range(200)])
    dataset = builders.dataset(played, world)
    queries = dataset.queries(np.arange(n, dtype=np.int32), dataset.split.end)
    return queries if track is not None else queries.keep(np.zeros(len(queries.track_rows), np.bool_))


def explored(
    queries: Queries,
    tracks: TrackColumns,
    exploration: Exploration = EXPLORATION,
    *,
    chosen: np.ndarray | None = None,
    weights: RerankWeights | None = None,
    kinds: np.ndarray | None = None,
    rates: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates are tracks 0..23, best first; reranking chose the first six."""
    rows = np.tile(np.arange(CANDIDATES, dtype=np.int32), (len(queries), 1))
    scores = np.tile(-np.arange(CANDIDATES, dtype=np.float32), (len(queries), 1))
    first = np.tile(np.arange(K, dtype=np.int32), (len(queries), 1)) if chosen is None else chosen
    everybody = np.full(tracks.num_genres, 0.5) if rates is None else rates
    return explore(
        (rows, scores),
        first,
        queries,
        exploration,
        tracks=tracks,
        rates=everybody,
        weights=weights or RerankWeights(),
        kinds=kinds,
    )


def test_kept_tracks_stay_in_order_and_explored_ones_are_their_genres_best() -> None:
    places, propensities = explored(listeners(20), tracks_of_genres(CANDIDATES, 4))
    # Four places are kept: 0..3. The best left of the genres 0..3 are 4..7.
    assert (places[:, [0, 1, 2, 4]] == [0, 1, 2, 3]).all()
    assert set(places[:, [3, 5]].ravel().tolist()) == {4, 5, 6, 7}
    assert (places[:, 3] != places[:, 5]).all()
    assert (propensities[:, [0, 1, 2, 4]] == 1).all()
    # Four equal posteriors: each genre has a quarter, but for ties on the grid.
    np.testing.assert_allclose(propensities[:, [3, 5]], 0.25, atol=0.01)


def test_told_probabilities_are_frequencies_over_moments() -> None:
    queries = listeners(1, track=1, plays=6)
    repeats = 4_000
    many = queries.take(np.zeros(repeats, np.int64))
    many = replace(many, as_of=many.as_of + np.arange(repeats))
    tracks = tracks_of_genres(CANDIDATES, 4)
    places, propensities = explored(many, tracks, rates=np.array([0.2, 0.4, 0.6, 0.8]))
    for slot in (3, 5):
        for place in (4, 5, 6, 7):
            shown = places[:, slot] == place
            told = np.unique(propensities[shown, slot])
            assert len(told) <= 1  # as_of only moves the draw
            if len(told):
                assert abs(shown.mean() - told[0]) < 4 * 0.5 / np.sqrt(repeats)


def test_what_a_listener_skips_is_explored_less_than_what_is_played() -> None:
    tracks = tracks_of_genres(CANDIDATES, 4)
    liked, _ = explored(listeners(300, track=1), tracks)
    skipped, _ = explored(listeners(300, track=1, strength=-1.0), tracks)
    unknown, _ = explored(listeners(300), tracks)
    shares = [(places[:, [3, 5]] % 4 == 1).any(axis=1).mean() for places in (skipped, unknown, liked)]
    assert shares[0] < 0.1 < shares[1] < 0.7 < shares[2]


def test_a_replay_draws_the_same_and_a_batch_equals_its_singles() -> None:
    queries, tracks = listeners(50, track=2, plays=3), tracks_of_genres(CANDIDATES, 8)
    batch = explored(queries, tracks)
    again = explored(queries, tracks)
    for user in (0, 13, 49):
        alone = explored(queries.slice(user, user + 1), tracks)
        for whole, repeated, single in zip(batch, again, alone, strict=True):
            assert (whole[user] == single[0]).all()
            assert (whole[user] == repeated[user]).all()
    assert len(np.unique(batch[0], axis=0)) > 10
    other_seed, _ = explored(queries, tracks, replace(EXPLORATION, seed=8))
    assert (other_seed != batch[0]).any()


def test_strangers_are_told_apart_by_their_histories() -> None:
    queries = listeners(3, track=2)
    strangers = replace(queries, user_rows=np.full(3, -1, np.int32))
    assert len(set(keys(queries, 0).tolist())) == 3
    assert len(set(keys(strangers, 0).tolist())) == 1
    other = replace(
        strangers, track_rows=np.where(strangers.owners == 1, 5, strangers.track_rows).astype(np.int32)
    )
    assert len(set(keys(other, 0).tolist())) == 2


def test_every_cap_holds_over_kept_and_explored_tracks() -> None:
    artists = np.arange(CANDIDATES, dtype=np.int32)
    artists[[4, 5]] = artists[0]  # 0 is kept, so neither 4 nor 5 fits
    artists[[10, 7]] = 7  # of genres 2 and 3: only one of them
    tracks = tracks_of_genres(CANDIDATES, 4, artist_rows=artists)
    places, _ = explored(listeners(200), tracks, weights=RerankWeights(max_per_artist=1))
    for slate in artists[places]:
        assert len(set(slate.tolist())) == K
    kinds = np.full((200, CANDIDATES, 2), -1, np.int8)
    kinds[:, :, 0] = 0
    kinds[:, [2, 6, 9, 11], 0] = 1  # one new artist is kept and one more is allowed: a third of six
    places, _ = explored(listeners(200), tracks, weights=RerankWeights(new_artists=(0.0, 0.34)), kinds=kinds)
    assert (np.take_along_axis(kinds[..., 0], places, axis=1).sum(axis=1) <= 2).all()


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        (tracks_of_genres(CANDIDATES, 1), None),  # one genre for two places
        (plain(CANDIDATES), None),  # no genres
        (tracks_of_genres(CANDIDATES, 4), np.array([[0, 1, 2, -1, -1, -1]], np.int32)),  # nothing more fits
    ],
)
def test_with_too_few_genres_nothing_is_explored(tracks: TrackColumns, chosen: np.ndarray | None) -> None:
    places, propensities = explored(listeners(1), tracks, chosen=chosen)
    kept = np.arange(K)[None] if chosen is None else chosen
    assert places.tolist() == kept.tolist()
    assert propensities.tolist() == (kept >= 0).astype(float).tolist()


def test_at_most_sixteen_genres_compete() -> None:
    places, _ = explored(listeners(500), tracks_of_genres(CANDIDATES, CANDIDATES))
    assert set(places[:, [3, 5]].ravel().tolist()) <= set(range(4, 4 + MOST_GENRES))


def test_rates_are_plays_among_plays_and_early_skips() -> None:
    tracks = builders.catalogue(
        [
            {"track_id": name, "genres": genres}
            for name, genres in (("a", ["x"]), ("b", ["x", "y"]), ("c", ["z"]))
        ]
    )
    plays = [("u", "a", 1, 1.0), ("u", "a", 2, 5.0), ("u", "b", 3, -0.5), ("v", "b", 3, -0.5)]
    dataset = builders.dataset(plays, tracks)
    rates = genre_rates(dataset.interactions, tracks.genre_rows, len(tracks.genres))
    # A save counts once. x: 2 plays, 1 skip; y: 1 skip; z: nothing; all: 2 of 4. Each with 50 usual plays.
    np.testing.assert_allclose(rates, [(2 + 25) / (3 + 50), 25 / 51, 0.5])
    nothing = dataset.interactions.where(np.zeros(4, np.bool_))
    assert genre_rates(nothing, tracks.genre_rows, 3).tolist() == [0.5] * 3


@pytest.mark.parametrize(("most", "expected"), [(0, 12), (8, 12), (5, 6), (4, 6), (1, 3)])
def test_no_weeks_in_a_row_show_more_than_the_budget(most: int, expected: int) -> None:
    """Two places a slate, twelve weeks; a budget of four weeks pays for 4, 2 or 2 slates of two, or for 1 of one."""
    exploration = replace(EXPLORATION, most=most, weeks=4)
    shown, asked, tracks = [], listeners(2, track=2), tracks_of_genres(200, 5)
    for week in range(12):
        queries = replace(asked, as_of=np.full(2, (100 + week) * SECONDS_PER_WEEK))
        _, propensities = explored(queries, tracks, exploration)
        shown.append((propensities < 1).sum(axis=1).tolist())
    assert sum(first > 0 for first, _ in shown) == expected
    assert all(first == second for first, second in shown)
    places = np.array([first for first, _ in shown])
    for begin in range(9):
        assert most == 0 or places[begin : begin + 4].sum() <= most


def test_with_a_budget_slates_of_one_week_draw_alike() -> None:
    queries = replace(listeners(20, track=2), as_of=np.full(20, 100 * SECONDS_PER_WEEK))
    later = replace(queries, as_of=queries.as_of + SECONDS_PER_WEEK // 2)
    tracks = tracks_of_genres(200, 12)
    budget = replace(EXPLORATION, most=8, weeks=4)
    assert (explored(queries, tracks, budget)[0] == explored(later, tracks, budget)[0]).all()
    assert (explored(queries, tracks)[0] != explored(later, tracks)[0]).any()


def test_acts_of_a_track_are_shared_by_its_genres_and_a_save_counts_once() -> None:
    random = np.random.default_rng(6)
    genres = np.where(random.random((40, 5)) < 0.5, random.integers(0, 8, (40, 5)), -1).astype(np.int32)
    offsets, tracks = np.array([0, 12, 12, 60]), random.integers(0, 40, 60).astype(np.int32)
    strengths = random.choice([-0.8, -0.1, 0.0, 1.0, 5.0], 60).astype(np.float32)
    rates, wanted = random.random(8), np.array([5, 0, 7], np.int32)
    evidence = Evidence(offsets, tracks, strengths, rates, 4.0)
    for query in range(3):
        history = range(offsets[query], offsets[query + 1])
        expected = []
        for genre in wanted:
            plays, skips = (
                sum(
                    np.clip(sign * strengths[entry], 0, 1)
                    * (genres[tracks[entry]] == genre).sum()
                    / max((genres[tracks[entry]] >= 0).sum(), 1)
                    for entry in history
                )
                for sign in (1, -1)
            )
            expected.append([4 * rates[genre] + plays, 4 * (1 - rates[genre]) + skips])
        np.testing.assert_allclose(shapes_of(evidence, query, wanted, genres), expected, rtol=1e-5)


def test_beyond_a_hundred_acts_only_their_proportion_counts() -> None:
    genres = np.zeros((1, 1), np.int32)
    strengths = np.repeat(np.array([1, -1], np.float32), [300, 100])
    evidence = Evidence(np.array([0, 400]), np.zeros(400, np.int32), strengths, np.array([0.5]), 4.0)
    np.testing.assert_allclose(shapes_of(evidence, 0, np.zeros(1, np.int32), genres), [[2 + 75, 2 + 25]])
