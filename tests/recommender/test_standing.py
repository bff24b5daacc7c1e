"""Where a track stands by what is said of it now, and whether it falls behind a rival, on one tiny request."""

import numpy as np
import pytest

from crossfade.features.candidates import Candidates
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.slates import Slates
from crossfade.recommender.standing import Claimed, Standing
from crossfade.recommender.wording import ReasonKind

NAN = np.nan


def standing(scores: list[float]) -> Standing:
    """One request with tracks 10, 11, 12 ...; source 0 ranks all, source 1 the last two; the slate is 12, 10."""
    count = len(scores)
    said = np.full((1, count, 2), NAN, np.float32)
    ranks = said.copy()
    said[0, :, 0], ranks[0, :, 0] = np.arange(count, 0, -1), np.arange(count)
    said[0, -2:, 1], ranks[0, -2:, 1] = [8, 4], [0, 3]
    rows = np.arange(10, 10 + count, dtype=np.int32)[None]
    ranked = Ranked(Candidates(rows, said, ranks), np.zeros((1, count, 1)), np.array([scores], np.float32))
    slate = np.array([[12, 10, -1]], np.int32)
    return Standing.of(ranked, Slates.unexplained(slate, slate.astype(np.float32), slate.astype(np.int8)))


def claimed(kind: ReasonKind, row: int, *places: int) -> Claimed:
    return Claimed(np.zeros(1, np.int64), np.array([kind]), np.array([row]), np.array([places], np.int32))


# Track 11 is of artist 5, others of 6; track 1 has the neighbour 11.
TIES = (np.array([6] * 11 + [5, 6, 6], np.int32), np.array([0, 0, 1]), np.array([11], np.int32))


def test_a_track_takes_the_rank_among_rivals_that_its_source_gives_it_now() -> None:
    stood = standing([0.0] * 4)
    assert stood.places.tolist() == [[2, 0, -1]]
    # Source 0 said 4, 3, 2, 1 at ranks 0 to 3; source 1 said 8 of track 12 at rank 0 and 4 at rank 3.
    said = np.array([[[2, 8], [1.5, 6], [9, 3], [NAN, NAN], [0.5, NAN]]], np.float32)
    places = np.array([[2, 2, 2, 2, -1]], np.int32)
    claims = claimed(ReasonKind.SIMILAR_LISTENERS, -1, *places[0])
    told = stood.told(claims, said.copy(), np.array([False]), 1)
    np.testing.assert_array_equal(told.ranks[0], [[2, 0], [3, 3], [0, NAN], [NAN, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(told.scores[0, :4], [[2, 8], [1.5, 6], [9, NAN], [NAN, NAN]])
    # What no source returns any more is gone.
    assert told.rows.tolist() == [[12, 12, 12, -1, -1]]
    muted = stood.told(claims, said.copy(), np.array([True]), 0)
    np.testing.assert_array_equal(muted.ranks[0], [[NAN, 0], [NAN, 3], [NAN, NAN], [NAN, NAN], [NAN, NAN]])
    assert muted.rows.tolist() == [[12, 12, -1, -1, -1]]


def test_what_another_source_brought_stays() -> None:
    stood = standing([0.0] * 4)
    stood.ranked.candidates.ranks[0, 2] = NAN
    told = stood.told(
        claimed(ReasonKind.SIMILAR_LISTENERS, -1, 2), np.full((1, 1, 2), NAN, np.float32), np.array([True]), 0
    )
    assert told.rows.tolist() == [[12]]


@pytest.mark.parametrize(
    ("score", "falls_behind"),
    [(0.85, False), (0.75, True), (0.9, False), (0.95, False), (-np.inf, True)],
)
def test_a_track_falls_where_a_rival_comes_between_its_scores(score: float, falls_behind: bool) -> None:
    stood = standing([0.9, 0.8, 0.7, 0.6])
    scores = np.array([[score, 0]], np.float32)
    found = stood.fallen(claimed(ReasonKind.SIMILAR_LISTENERS, -1, 0, -1), scores, TIES)
    assert found.tolist() == [[falls_behind, False]]


@pytest.mark.parametrize(
    ("kind", "row", "places", "expected"),
    [
        (ReasonKind.SIMILAR_LISTENERS, -1, (0, 1), [False, True]),  # 11 is of the same claim
        (ReasonKind.ARTIST, 5, (0, -1), [False, False]),  # 11 is of artist 5
        (ReasonKind.ARTIST, 6, (0, -1), [True, False]),
        (ReasonKind.LISTENED_TRACK, 1, (0, -1), [False, False]),  # 11 is a neighbour of 1
        (ReasonKind.LISTENED_TRACK, 0, (0, -1), [True, False]),
    ],
)
def test_tracks_of_the_same_evidence_are_no_rivals(
    kind: ReasonKind, row: int, places: tuple[int, int], expected: list[bool]
) -> None:
    stood = standing([0.9, 0.8, 0.7, 0.6])
    scores = np.array([[0.75, 0.1]], np.float32)  # only 11, of 0.8, comes between
    assert stood.fallen(claimed(kind, row, *places), scores, TIES).tolist() == [expected]
