"""Known artists come first, each kind in the ranker's order; padding stays last."""

from dataclasses import replace

import numpy as np

from crossfade.reranking.known_artists import known_first
from crossfade.reranking.rerank import best_first
from tests.reranking.test_flow import queries

ARTISTS = np.array([7, 8, 9, -1, 7], np.int32)  # of tracks 0 to 4


def ranked(
    rows: list[list[int]], scores: list[list[float]], *histories: list[tuple[int, float]], **also: object
) -> list[list[int]]:
    candidates, told = np.array(rows, np.int32), np.array(scores, np.float32)
    asked = replace(queries(*histories), **also)  # type: ignore[arg-type]
    strict = known_first(candidates, told, asked, ARTISTS)
    return np.take_along_axis(candidates, best_first(candidates, strict), axis=1).tolist()


def test_played_artists_come_before_better_scores_of_others() -> None:
    rows, scores = [[1, 2, 3, 4, 0]], [[0.9, 0.8, 0.99, 0.1, 0.2]]
    assert ranked(rows, scores, [(0, 1.0)]) == [[0, 4, 3, 1, 2]]
    assert ranked(rows, scores, []) == [[3, 1, 2, 0, 4]]
    # Who was only skipped is not known.
    assert ranked(rows, scores, [(0, -1.0)]) == [[3, 1, 2, 0, 4]]


def test_followed_artists_are_known_without_a_play() -> None:
    rows, scores = [[1, 2, 3], [1, 2, 3]], [[0.9, 0.8, 0.99], [0.9, 0.8, 0.99]]
    followed = np.array([[9, -1], [-1, -1]], np.int32)
    assert ranked(rows, scores, [], [(1, 1.0)], followed=followed) == [[2, 3, 1], [1, 3, 2]]


def test_equal_scores_go_to_the_lower_row_and_padding_stays_last() -> None:
    assert ranked([[4, 0, 2, -1]], [[0.5, 0.5, 0.9, -np.inf]], [(0, 1.0)]) == [[0, 4, 2, -1]]
