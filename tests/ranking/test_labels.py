"""Examples: who is asked when, and what counts as wanted."""

import numpy as np
import pytest

from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.ranking.labels import Examples, examples, next_track_examples
from crossfade.schema.errors import TrainingError
from tests import builders

DAY = SECONDS_PER_DAY
# Tracks by row: a, b, c, d.
PLAYS = [
    ("ann", "a", 1.0),
    ("ann", "b", 10.5),
    ("ann", "c", 11.5, 5.0),
    ("ann", "c", 11.6),
    ("ann", "d", 11.7, -1.0),
    ("ben", "d", 12.5),
    ("cyd", "a", 2.0),
]
WORLD = builders.dataset(PLAYS)
ALL = np.array([[0, 1, 2, 3, -1]], np.int32)


def test_grades_are_2_for_a_save_1_for_a_listen_0_for_a_skip() -> None:
    ann = Examples.of(WORLD, np.array([0], np.int32), 10 * DAY, 13 * DAY)
    assert ann.labels(ALL).tolist() == [[0, 1, 2, 0, 0]]


def test_skipped_is_what_was_skipped_early_and_never_wanted() -> None:
    plays = [*PLAYS, ("ann", "b", 10.2, -0.5), ("ben", "a", 12.2, -0.5), ("ann", "a", 9.0, -1.0)]
    both = Examples.of(builders.dataset(plays), np.array([0, 1], np.int32), 10 * DAY, 13 * DAY)
    # Ann: b was skipped once and wanted once, a skipped before the moment, d skipped. Ben: a skipped, d wanted.
    assert both.skipped(np.repeat(ALL, 2, axis=0)).tolist() == [
        [False, False, False, True, False],
        [True, False, False, False, False],
    ]
    assert both.skipped(ALL, first=1).tolist() == [[True, False, False, False, False]]


def test_only_the_time_from_the_moment_to_the_end_is_graded() -> None:
    ann = Examples.of(WORLD, np.array([0], np.int32), 11 * DAY, int(11.55 * DAY))
    assert ann.labels(ALL).tolist() == [[0, 0, 2, 0, 0]]
    assert ann.queries.track_rows.tolist() == [0, 1]


def test_labels_of_a_batch_begin_at_its_first_query() -> None:
    both = Examples.of(WORLD, np.array([0, 1], np.int32), 10 * DAY, 13 * DAY)
    assert both.labels(np.repeat(ALL, 2, axis=0)).tolist() == [[0, 1, 2, 0, 0], [0, 0, 0, 1, 0]]
    assert both.labels(ALL, first=1).tolist() == [[0, 0, 0, 1, 0]]


def test_users_are_asked_at_the_start_and_after_each_day_they_listened_on() -> None:
    cut = examples(WORLD, 10 * DAY, 13 * DAY, max_users=10, seed=0)
    asked = [(int(part.queries.as_of[0]) // DAY, part.queries.user_rows.tolist()) for part in cut]
    # Ann (0) and ben (1) are active in the period, cyd (2) is not; on the days before 11 and 12 only ann was.
    assert asked == [(10, [0, 1]), (11, [0]), (12, [0])]
    assert [part.queries.track_rows.tolist() for part in cut] == [[0], [0, 1], [0, 1, 2, 2, 3]]


def test_without_timestamps_there_is_only_the_start() -> None:
    timeless = builders.dataset(PLAYS, split=Split(10 * DAY, 13 * DAY, 13 * DAY, has_time=False))
    assert len(examples(timeless, 10 * DAY, 13 * DAY, max_users=10, seed=0)) == 1


def test_more_queries_than_wanted_are_drawn_by_seed() -> None:
    world = builders.dataset([(f"u{i:02}", "a", 10.5) for i in range(40)])
    drawn = [examples(world, 10 * DAY, 12 * DAY, max_users=15, seed=seed) for seed in (1, 1, 2)]
    users = [[part.queries.user_rows.tolist() for part in parts] for parts in drawn]
    assert users[0] == users[1] == [sorted(moment) for moment in users[0]]
    assert users[0] != users[2]
    assert sum(map(len, users[0])) == 15
    assert all(users[0])


def test_a_period_without_listeners_has_no_queries() -> None:
    assert [len(part.queries) for part in examples(WORLD, 20 * DAY, 22 * DAY, max_users=5, seed=0)] == [0, 0]


def test_next_track_examples_are_moments_of_sessions_with_the_track_that_came_next() -> None:
    minute = 1 / 1440
    plays = [
        ("ann", "a", 1.0),
        ("ann", "b", 10.0),
        ("ann", "c", 10.0 + minute, 5.0),
        ("ann", "b", 10.0 + 2 * minute),  # a repeat is wanted, too
        ("ben", "d", 10.0),
    ]
    world = builders.dataset(plays)
    (cut,) = next_track_examples(world, 10 * DAY, 11 * DAY, max_users=100, seed=0)
    rows = np.tile(ALL, (2, 1))
    assert cut.labels(rows).tolist() == [[0, 0, 2, 0, 0], [0, 1, 0, 0, 0]]
    assert cut.labels(rows[:1], 1).tolist() == [[0, 1, 0, 0, 0]]
    assert not cut.skipped(rows).any()
    assert [cut.queries.slice(i, i + 1).track_rows.tolist() for i in range(2)] == [[0, 1], [0, 1, 2]]


def test_a_period_without_sessions_has_no_next_track() -> None:
    with pytest.raises(TrainingError, match="needs sessions of two listens or more"):
        next_track_examples(WORLD, 20 * DAY, 22 * DAY, max_users=5, seed=0)
