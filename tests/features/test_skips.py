"""Skips count by how unlikely they were, and hardly for what was wanted before; oracles stand in the comments."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.interactions import Interactions
from crossfade.features.skips import LAST_PLACE, SkipHabits, places_in_sessions, wanted_before
from tests import builders

PLACES = LAST_PLACE + 1


def sessions(strengths: np.ndarray, track_rows: np.ndarray) -> Interactions:
    """Sessions [s, length] of strengths and tracks, each of a user of its own, a day apart."""
    count, length = strengths.shape
    users = np.repeat(np.arange(count, dtype=np.int32), length)
    seconds = np.tile(np.arange(length, dtype=np.int64), count)
    return Interactions(
        users, track_rows.ravel().astype(np.int32), seconds, strengths.ravel().astype(np.float32), users
    )


def test_places_count_from_each_sessions_start() -> None:
    acts = builders.dataset([("u", "a", 1), ("u", "b", 1.001), ("u", "c", 2), ("v", "a", 1)]).interactions
    assert places_in_sessions(acts).tolist() == [0, 1, 0, 0]
    long = sessions(np.ones((1, 15)), np.arange(15)[None])
    assert places_in_sessions(long).tolist() == [*range(10), 10, 10, 10, 10, 10]


def test_what_was_wanted_before_is_known_as_of_each_moment() -> None:
    plays = [
        ("u", "a", 1, 1.0),
        ("u", "b", 2, 1.0),
        ("u", "a", 3, -1.0),
        ("u", "a", 4, 5.0),
        ("u", "a", 5, -1.0),
    ]
    acts = builders.dataset([*plays, ("v", "a", 6, -1.0)]).interactions
    assert wanted_before(acts).tolist() == [0, 0, 1, 1, 6, 0]


def test_a_skip_of_a_track_that_the_listener_keeps_says_little() -> None:
    plays = [("u", "a", 1, 5.0), ("u", "a", 2, -0.9), ("u", "b", 3, -0.9), ("u", "c", 4, -5.0)]
    acts = builders.dataset(plays).interactions
    habits = SkipHabits(np.full(PLACES, 0.2), 0.2)
    # -0.9 / (1 + 5), -0.9 / (1 + 0); saves and dislikes stay.
    np.testing.assert_allclose(habits.corrected(acts).strengths, [5, -0.15, -0.9, -5], rtol=1e-6)


def test_an_expected_skip_says_less_than_a_surprising_one_and_never_more_than_a_whole_skip() -> None:
    acts = sessions(np.array([[-0.5, -0.5, -0.5, -0.5]]), np.arange(4)[None])
    expected = np.array([0.4, 0.2, 0.1, 0.01, *[0.2] * (PLACES - 4)])
    # -0.5 * 0.2 / 0.4; usual; doubled; 20-fold is held at 3-fold, and that at -1.
    corrected = SkipHabits(expected, 0.2).corrected(acts)
    np.testing.assert_allclose(corrected.strengths, [-0.25, -0.5, -1, -1], rtol=1e-6)


def test_places_are_compared_on_one_listener_and_one_track() -> None:
    # Everybody plays the same track at places 0 and 3 of sessions of four, and skips it at place 0 three times as
    # often; what stands between is always played.
    rng = np.random.default_rng(0)
    count = 4_000
    strengths = np.ones((count, 4))
    strengths[:, 0] = np.where(rng.random(count) < 0.6, -1, 1)
    strengths[:, 3] = np.where(rng.random(count) < 0.2, -1, 1)
    tracks = np.tile([0, 1, 2, 0], (count, 1))
    acts = sessions(strengths, tracks)
    expected = SkipHabits.of(acts).expected
    assert expected[0] > 1.5 * expected[3]
    assert np.isclose(SkipHabits.of(acts).usual, (strengths < 0).mean())


def test_a_place_is_not_blamed_for_the_tracks_that_stand_there() -> None:
    # Sessions begin with a track that is skipped in two cases of three, wherever it stands, and is liked by nobody
    # more at one place than at another: each listener meets it at places 0 and 1, each good track at 2 and 3.
    rng = np.random.default_rng(1)
    count = 4_000
    strengths = np.ones((count, 4))
    strengths[:, :2] = np.where(rng.random((count, 2)) < 2 / 3, -1, 1)
    strengths[:, 2:] = np.where(rng.random((count, 2)) < 0.1, -1, 1)
    acts = sessions(strengths, np.tile([0, 0, 1, 1], (count, 1)))
    expected = SkipHabits.of(acts).expected
    raw = (strengths < 0).mean(axis=0)
    assert raw[0] > 5 * raw[3]
    assert expected[0] < 1.4 * expected[3]


@pytest.mark.parametrize("strength", [1.0, -1.0])
def test_with_nothing_to_compare_all_places_are_alike(strength: float) -> None:
    acts = sessions(np.full((5, 3), strength), np.tile([0, 1, 2], (5, 1)))
    habits = SkipHabits.of(acts)
    assert len(set(habits.expected.tolist())) == 1
    np.testing.assert_array_equal(habits.corrected(acts).strengths, acts.strengths)


def test_habits_without_skips_leave_later_skips_as_they_are() -> None:
    acts = sessions(np.full((5, 3), 1.0), np.tile([0, 1, 2], (5, 1)))
    later = replace(acts, strengths=np.full(15, -0.4, np.float32))
    assert (SkipHabits.of(acts).corrected(later).strengths == np.float32(-0.4)).all()
    nothing = acts.where(np.zeros(15, np.bool_))
    assert len(SkipHabits.of(nothing).corrected(nothing)) == 0
