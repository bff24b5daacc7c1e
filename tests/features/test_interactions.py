"""Histories as columns: what a query sees, and in which order."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from tests import builders

DAY = SECONDS_PER_DAY


@pytest.fixture
def queries() -> Queries:
    """Three users: ann with two sessions, ben with one, and nobody known."""
    plays = [
        ("ann", "a1", 0.0),
        ("ann", "a2", 0.01, -0.5),
        ("ann", "b1", 2.0),
        ("ann", "b2", 2.0078125, 5.0),
        ("ben", "a1", 1.0),
    ]
    return builders.dataset(plays).queries(np.array([0, 1, -1], np.int32), 3 * DAY)


def test_owners_name_the_query_of_each_entry(queries: Queries) -> None:
    assert queries.owners.tolist() == [0, 0, 0, 0, 1]


def test_positives_drop_skips_and_keep_order(queries: Queries) -> None:
    assert queries.positives.offsets.tolist() == [0, 3, 4, 4]
    assert queries.positives.track_rows.tolist() == [0, 2, 3, 0]


def test_slice_equals_take_of_the_same_places(queries: Queries) -> None:
    assert_equal(queries.slice(1, 3), queries.take(np.array([1, 2])))
    known = replace(queries, traits=np.arange(18, dtype=np.int8).reshape(3, 6))
    assert_equal(known.slice(1, 3), known.take(np.array([1, 2])))
    assert known.take(np.array([2, 0])).traits[:, 0].tolist() == [12, 0]  # type: ignore[index]


def test_take_repeats_and_reorders(queries: Queries) -> None:
    taken = queries.take(np.array([1, 0, 1]))
    assert taken.user_rows.tolist() == [1, 0, 1]
    assert taken.offsets.tolist() == [0, 1, 5, 6]
    assert taken.track_rows.tolist() == [0, 0, 1, 2, 3, 0]


def test_places_from_end_count_within_each_query(queries: Queries) -> None:
    assert queries.places_from_end.tolist() == [3, 2, 1, 0, 0]


def test_last_session_is_the_one_of_the_last_entry(queries: Queries) -> None:
    assert queries.in_last_session.tolist() == [False, False, True, True, True]


def test_the_last_sessions_are_their_entries_alone_and_what_keeps_all_copies_nothing(
    queries: Queries,
) -> None:
    last, kept = queries.last_sessions, queries.in_last_session
    np.testing.assert_array_equal(last.track_rows, queries.track_rows[kept])
    np.testing.assert_array_equal(
        np.diff(last.offsets), np.bincount(queries.owners[kept], minlength=len(queries))
    )
    assert last.keep(np.ones(len(last.track_rows), np.bool_)) is last


def test_last_tracks_come_most_recent_first_and_padded(queries: Queries) -> None:
    assert queries.last_tracks(3).tolist() == [[3, 2, 1], [0, -1, -1], [-1, -1, -1]]
    assert queries.last_seconds(2).tolist() == [[2 * DAY + 675, 2 * DAY], [DAY, 0], [0, 0]]


def test_empty_histories_have_empty_columns(queries: Queries) -> None:
    nobody = queries.slice(2, 3)
    assert nobody.last_tracks(2).tolist() == [[-1, -1]]
    assert len(nobody.places_from_end) == len(nobody.in_last_session) == len(nobody.positives.track_rows) == 0


def test_between_includes_the_start_and_not_the_end() -> None:
    acts = builders.dataset([("ann", "a", 1.0), ("ann", "b", 2.0), ("ben", "a", 3.0)]).interactions
    assert acts.between(DAY, 3 * DAY).seconds.tolist() == [DAY, 2 * DAY]


def assert_equal(left: Queries, right: Queries) -> None:
    for name, values in vars(right).items():
        if isinstance(values, np.ndarray) and name in Queries.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(left, name), values)
