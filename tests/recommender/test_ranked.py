"""Slates are read off candidates at places: rows, scores, and who ranked a track best."""

import numpy as np

from crossfade.features.candidates import Candidates
from crossfade.recommender.ranked import Ranked, slates_of
from crossfade.schema import columns as c


def test_slates_are_candidates_at_places_with_the_source_that_ranked_them_best() -> None:
    random = np.random.default_rng(9)
    n, count, k, num_sources = 6, 20, 7, 4
    rows = random.permuted(np.tile(np.arange(50, dtype=np.int32), (n, 1)), axis=1)[:, :count]
    ranks = random.integers(0, 5, (n, count, num_sources)).astype(np.float32)
    ranks[random.random(ranks.shape) < 0.6] = np.nan
    scores = random.random((n, count)).astype(np.float32)
    ranked = Ranked(Candidates(rows, ranks, ranks), np.zeros((n, count, 1), np.float32), scores)
    places = random.integers(-1, count, (n, k)).astype(np.int32)
    found = slates_of(ranked, places, np.ones((n, k), np.float32))
    for query, slot in np.ndindex(n, k):
        place = places[query, slot]
        if place < 0:
            assert (found.rows[query, slot], found.sources[query, slot]) == (-1, -1)
            assert found.scores[query, slot] == -np.inf
            continue
        assert found.rows[query, slot] == rows[query, place]
        assert found.scores[query, slot] == scores[query, place]
        own = ranks[query, place]
        # The first of equals; what no source of the ranker's returned is a new release.
        best = c.SLATE_SOURCES.index(c.RELEASES) if np.isnan(own).all() else np.nanargmin(own)
        assert found.sources[query, slot] == best


def test_no_candidates_give_empty_slates() -> None:
    none = np.zeros((2, 0, 4), np.float32)
    ranked = Ranked(Candidates(np.zeros((2, 0), np.int32), none, none), none, np.zeros((2, 0), np.float32))
    found = slates_of(ranked, np.full((2, 3), -1, np.int32), np.zeros((2, 3), np.float32))
    assert (found.rows == -1).all()
    assert (found.sources == -1).all()
