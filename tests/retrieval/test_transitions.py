"""Transitions on sessions whose followers can be counted."""

import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval.transitions import Transitions, loudness
from tests import builders

MINUTE = 1 / 1440
DAY = SECONDS_PER_DAY
# Two sessions: a b c, and a c; a track that follows g places later counts 1 / g.
WORLD = builders.dataset(
    [
        ("ann", "a", 1.0),
        ("ann", "b", 1.0 + MINUTE),
        ("ann", "c", 1.0 + 2 * MINUTE),
        ("ben", "a", 1.0),
        ("ben", "c", 1.0 + MINUTE),
        ("cyd", "b", 1.0),
        ("cyd", "d", 2.0),  # another session
    ]
)


def answer(*plays: tuple[str, float] | tuple[str, float, float]) -> dict[str, float]:
    asked = builders.dataset([("eve", *play) for play in plays], WORLD.catalogue)  # type: ignore[list-item]
    queries = asked.queries(np.array([0], np.int32), 9 * DAY)
    rows, scores = Transitions(10).fit(WORLD).recommend(queries, 4)
    found = rows[0] >= 0
    names = WORLD.catalogue.tracks.names(rows[0][found])
    return {str(name): round(float(score), 5) for name, score in zip(names, scores[0][found], strict=True)}


def test_shares_are_of_what_followed_and_of_a_discount_of_one() -> None:
    # After a: b 1, c 1/2 + 1, in all 2.5; with the discount of 1 shares are of 3.5.
    assert answer(("a", 5.0)) == {"c": round(1.5 / 3.5, 5), "b": round(1 / 3.5, 5)}


def test_an_older_track_of_the_session_speaks_half_as_loud() -> None:
    # After b only c followed: 1 / (1 + 1).
    assert answer(("a", 5.0), ("b", 5.0 + MINUTE)) == {
        "c": round(0.5 + 0.5 * 1.5 / 3.5, 5),
        "b": round(0.5 * 1 / 3.5, 5),
    }


def test_what_was_played_in_an_earlier_session_or_skipped_says_nothing() -> None:
    assert answer(("a", 4.0), ("b", 5.0)) == {"c": 0.5}
    assert answer(("b", 5.0), ("a", 5.0 + MINUTE, -1.0)) == {"c": 0.5}


def test_only_so_many_followers_are_kept() -> None:
    followers = Transitions(1).fit(WORLD).followers_
    assert np.diff(followers.indptr).max() == 1
    assert followers[0].indices.tolist() == [2]  # c follows a most


def test_loudness_halves_from_the_end_of_the_last_session() -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 12, 30)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    queries = (
        WORLD.queries(np.array([0], np.int32), 9 * DAY)
        .asking(np.zeros(30, np.int64))
        .with_entries(
            offsets,
            np.zeros(offsets[-1], np.int32),
            np.zeros(offsets[-1], np.int64),
            np.ones(offsets[-1], np.float32),
            random.integers(0, 2, offsets[-1]).astype(np.int32),
        )
    )
    # 0.5 ** places from the end, of the last 5 entries and of the last entry's session.
    is_recent = queries.in_last_session & (queries.places_from_end < 5)
    expected = np.where(is_recent, 0.5 ** queries.places_from_end.astype(float), 0)
    np.testing.assert_array_equal(loudness(queries), expected)
