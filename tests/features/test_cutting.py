"""Histories that are cut and joined by kernels, against the same by lists."""

import numpy as np

from crossfade.features.cutting import histories_before, joined
from crossfade.features.interactions import Queries
from crossfade.features.running_sessions import Sessions, with_sessions
from crossfade.schema.ids import Rows
from tests.builders import dataset

LISTENS = dataset([("u", "a", 1), ("u", "b", 3), ("u", "c", 5, -1.0), ("w", "d", 2), ("w", "a", 9)])
DAY = 86_400


def tracks_of(queries: Queries) -> list[str]:
    names = LISTENS.catalogue.tracks.names(queries.track_rows)
    return [
        "".join(map(str, names[start:stop]))
        for start, stop in zip(queries.offsets[:-1], queries.offsets[1:], strict=True)
    ]


def test_a_history_is_what_a_user_did_before_a_moment() -> None:
    users = np.array([1, -1, 0, 0], np.int32)
    assert tracks_of(LISTENS.queries(users, 100 * DAY)) == ["da", "", "abc", "abc"]
    moment = int(LISTENS.interactions.seconds[1])
    assert tracks_of(LISTENS.queries(users, moment)) == ["d", "", "a", "a"]
    assert tracks_of(LISTENS.queries(users, moment + 1)) == ["d", "", "ab", "ab"]
    assert tracks_of(LISTENS.queries(users[:0], moment)) == []


def test_columns_of_a_history_stand_together() -> None:
    random = np.random.default_rng(0)
    offsets = np.array([0, 4, 4, 9], np.int64)
    columns = (
        random.integers(0, 99, 9).astype(np.int32),
        np.sort(random.integers(0, 50, 9)),
        random.random(9).astype(np.float32),
        random.integers(0, 9, 9).astype(np.int32),
    )
    users: Rows = np.array([2, 1, -1, 0], np.int32)
    found = histories_before(offsets, columns, users, 25)
    kept = [
        [place for place in range(offsets[user], offsets[user + 1]) if columns[1][place] < 25]
        if user >= 0
        else []
        for user in users
    ]
    assert found[0].tolist() == np.concatenate([[0], np.cumsum([len(each) for each in kept])]).tolist()
    for column, of_column in zip(found[1:], columns, strict=True):
        assert column.dtype == of_column.dtype
        assert column.tolist() == of_column[[place for each in kept for place in each]].tolist()


def test_sessions_come_behind_histories_a_second_apart_and_never_before_them() -> None:
    queries = LISTENS.queries(np.array([1, -1, 0], np.int32), 100 * DAY)
    late = int(queries.seconds[1])
    queries.as_of[0] = late  # what was played last is no older than its session
    sessions = Sessions(
        np.array([0, 2, 3, 3], np.int64), np.array([2, 1, 0], np.int32), np.array([1, -1, 1], np.float32)
    )
    found = with_sessions(queries, sessions)
    assert tracks_of(found) == ["dacb", "a", "abc"]
    assert found.seconds[2:4].tolist() == [late, late]
    assert found.seconds[4] == 100 * DAY - 1
    assert found.strengths.tolist() == [1, 1, 1, -1, 1, 1, 1, -1]
    number = queries.sessions.max() + 1
    assert found.sessions[2:5].tolist() == [number, number, number + 1]


def test_nothing_is_joined_to_nothing() -> None:
    nothing = np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    histories = (nothing[0], nothing[1], np.zeros(0, np.int64), nothing[2], nothing[1])
    found = joined(histories, nothing, np.zeros(0, np.int64), 0)
    assert [len(column) for column in found] == [1, 0, 0, 0, 0]
