"""Rankings merge best by best, each track once; what is excluded takes nobody's place."""

import numpy as np
import pytest

from crossfade.features.candidates import Candidates
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.merging import beside, first_allowed, first_cut, merged


def ranking(random: np.random.Generator, n: int, depth: int, num_tracks: int) -> Ranking:
    rows = np.stack([random.permutation(num_tracks)[:depth] for _ in range(n)]).astype(np.int32)
    lengths = random.integers(0, depth + 1, n)
    rows[np.arange(depth) >= lengths[:, None]] = -1
    return rows, np.where(rows >= 0, random.random(rows.shape), -np.inf).astype(np.float32)


@pytest.mark.parametrize(("num_tracks", "width"), [(30, 12), (30, 200), (5000, 40)])
def test_merging_goes_by_rank_then_by_source(num_tracks: int, width: int) -> None:
    random = np.random.default_rng(0)
    rankings = [ranking(random, 6, 25, num_tracks) for _ in range(3)]
    found = merged(beside(rankings), width)
    for query in range(6):
        order: list[int] = []
        told: dict[int, dict[int, tuple[float, int]]] = {}
        for rank in range(25):
            for source, (rows, scores) in enumerate(rankings):
                track = int(rows[query, rank])
                if track >= 0:
                    order += [] if track in told else [track]
                    told.setdefault(track, {})[source] = (float(scores[query, rank]), rank)
        expected = order[:width]
        assert found.rows[query].tolist() == expected + [-1] * (width - len(expected))
        for place, track in enumerate(expected):
            for source in range(3):
                score, rank = told[track].get(source, (np.nan, np.nan))
                np.testing.assert_array_equal(found.scores[query, place, source], np.float32(score))
                np.testing.assert_array_equal(found.ranks[query, place, source], np.float32(rank))


def test_the_first_allowed_come_in_order_and_who_may_have_more_is_told() -> None:
    rows = np.array([[5, 3, 8, 1, -1], [2, -1, -1, -1, -1], [7, 6, 5, 4, 3], [7, 6, 5, 4, 3]], np.int32)
    scores = np.where(rows >= 0, [5, 4, 3, 2, 1], -np.inf).astype(np.float32)
    excluded = np.zeros(rows.shape, np.bool_)
    excluded[0, 1], excluded[1, 0], excluded[2, 1:] = True, True, True
    kept, values, is_short = first_allowed(rows, scores, excluded, 2)
    assert kept.tolist() == [[5, 8], [-1, -1], [7, -1], [7, 6]]
    assert values.tolist() == [[5, 3], [-np.inf, -np.inf], [5, -np.inf], [5, 4]]
    assert is_short.tolist() == [False, False, True, False]


def test_the_first_cut_keeps_what_reciprocal_rank_fusion_puts_first() -> None:
    random = np.random.default_rng(1)
    found = merged(beside([ranking(random, 6, 25, 60) for _ in range(3)]), 40)
    # Sum over sources of 1 / (60 + rank); padding below all, of equals the earlier.
    fused = np.where(found.rows >= 0, np.nansum(1 / (60 + found.ranks), axis=2), -1)
    cut = first_cut(found, 10)
    for query in range(6):
        best = np.sort(np.argsort(-fused[query].astype(np.float32), kind="stable")[:10])
        np.testing.assert_array_equal(cut.rows[query], found.rows[query, best])
        np.testing.assert_array_equal(cut.ranks[query], found.ranks[query, best])
        np.testing.assert_array_equal(cut.scores[query], found.scores[query, best])
    assert first_cut(found, 40) is found


def test_of_equals_the_first_cut_keeps_the_earlier() -> None:
    rows = np.array([[4, 7, 2, 9, -1]], np.int32)
    ranks = np.array([[[0, np.nan], [np.nan, 0], [0, 0], [np.nan, 0], [np.nan, np.nan]]], np.float32)
    assert first_cut(Candidates(rows, ranks, ranks), 3).rows.tolist() == [[4, 7, 2]]
    assert first_cut(Candidates(rows[:, 3:], ranks[:, 3:], ranks[:, 3:]), 1).rows.tolist() == [[9]]
