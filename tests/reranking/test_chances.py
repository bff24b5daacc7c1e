"""Chances are those of what exploration draws: of all that may be drawn, and sum to one."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from crossfade.reranking.chances import Chances, chances
from crossfade.reranking.exploration import Exploration
from crossfade.reranking.rerank import RerankWeights
from tests.reranking.test_exploration import CANDIDATES, EXPLORATION, K, explored, listeners, tracks_of_genres

GENRES = 5


def told(exploration: Exploration = EXPLORATION) -> Chances:
    """Of one listener, whose candidates are tracks 0..23, best first; reranking chose the first six."""
    queries = listeners(1, track=2)
    rows = np.arange(CANDIDATES, dtype=np.int32)[None]
    rules = {
        "tracks": tracks_of_genres(200, GENRES),
        "rates": np.full(GENRES, 0.5),
        "weights": RerankWeights(),
    }
    scored = rows, -rows.astype(np.float32)
    return chances(scored, np.arange(K, dtype=np.int32)[None], queries, exploration, rules)


def test_what_is_drawn_is_drawn_as_often_as_is_told() -> None:
    whole = told()
    assert np.allclose(whole.chances.sum(axis=2), 1)
    queries, drawn, n = listeners(1, track=2), Counter[tuple[int, int]](), 300
    tracks = tracks_of_genres(200, GENRES)
    for seed in range(n):
        chosen, propensities = explored(queries, tracks, replace(EXPLORATION, seed=seed))
        np.testing.assert_allclose(whole.of(chosen), propensities, atol=1e-6)
        drawn.update((place, int(chosen[0, place])) for place in EXPLORATION.places)
    for (place, track), count in drawn.items():
        row = np.full((1, K), track, np.int32)
        chance = whole.of(row)[0, place]
        assert abs(count / n - chance) < 4 * np.sqrt(chance * (1 - chance) / n) + 1e-3


def test_what_the_other_can_never_show_is_beyond_it() -> None:
    fixed = told(replace(EXPLORATION, places=()))
    assert fixed.of(np.arange(K, dtype=np.int32)[None]).tolist() == [[1.0] * K]
    exploring = told()
    # The two places before the first explored one and that between them hold the same tracks.
    beyond = exploring.beyond(fixed)[0]
    assert beyond[[0, 1, 2]].tolist() == [0, 0, 0]
    assert beyond[3] == pytest.approx(1 - exploring.of(np.full((1, K), 3, np.int32))[0, 3])
    assert fixed.beyond(exploring)[0, 3] in (0.0, 1.0)
    assert Chances.none(1, K).beyond(exploring).sum() == 0
