"""Requests: sessions become the newest history, shares become strengths, taking repeats."""

import numpy as np
import pytest

from crossfade.features.running_sessions import Sessions, with_sessions
from crossfade.recommender.requests import Requests, listen_strengths
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import Surface
from tests.builders import dataset

LISTENS = dataset([("u", "a1", 1), ("u", "b1", 2), ("v", "a1", 3), ("v", "c1", 3.5)])
END = LISTENS.split.end


def requests() -> Requests:
    made = Requests.of_users(LISTENS, np.array([0, -1, 1], np.int32), END, Surface.RADIO, 5)
    excluded = np.array([2, 0, 1], np.int32)
    return Requests(
        made.queries, made.surface, 5, np.array([-1, 1, -1], np.int32), np.array([0, 1, 1, 3]), excluded
    )


def test_users_bring_their_history_and_strangers_none() -> None:
    made = Requests.of_users(LISTENS, np.array([1, -1], np.int32), END, Surface.HOME, 3)
    assert len(made) == 2
    assert made.queries.offsets.tolist() == [0, 2, 2]
    assert made.seed_rows.tolist() == [-1, -1]
    assert made.excluded_offsets.tolist() == [0, 0, 0]


def test_a_session_is_the_newest_part_of_its_own_history() -> None:
    queries = requests().queries
    sessions = Sessions(
        np.array([0, 2, 3, 3]), np.array([2, 0, 1], np.int32), np.array([1, -0.5, 1], np.float32)
    )
    joined = with_sessions(queries, sessions)
    assert joined.offsets.tolist() == [0, 4, 5, 7]
    assert joined.track_rows.tolist() == [0, 1, 2, 0, 1, 0, 2]
    assert joined.strengths.tolist() == [1, 1, 1, -0.5, 1, 1, 1]
    assert joined.seconds[2:5].tolist() == [END - 2, END - 1, END - 1]
    assert (joined.seconds < joined.as_of[joined.owners]).all()
    assert len({*joined.sessions[2:4].tolist()}) == 1
    assert joined.sessions[2] > queries.sessions.max()
    assert joined.sessions[4] != joined.sessions[2]


def test_a_session_never_stands_before_the_history() -> None:
    queries = LISTENS.queries(np.array([1], np.int32), END)  # the last listen is one second before END
    joined = with_sessions(
        queries, Sessions(np.array([0, 3]), np.array([0, 1, 2], np.int32), np.ones(3, np.float32))
    )
    assert (np.diff(joined.seconds) >= 0).all()


def test_no_session_changes_nothing() -> None:
    queries = requests().queries
    nothing = Sessions(np.zeros(4, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    assert with_sessions(queries, nothing) is queries


def test_shares_become_strengths_as_gold_has_them() -> None:
    lake = default_settings().lake  # 30 s, half, 2 s, 120 s
    shares = np.array([np.nan, 0.6, 0.2, 0.005, 0.1, 0.02, 0.26, 0.5])
    minutes = np.array([np.nan, np.nan, 200e3, 200e3, 200e3, np.nan, np.nan, np.nan])
    # By time: 40 s is wanted, 1 s is -1, 20 s is (20 - 120) / 118. By share: 0.02 is -1, 0.26 half of it.
    expected = [1, 1, 1, -1, -100 / 118, -1, -0.5, 0]
    assert listen_strengths(shares, minutes, lake) == pytest.approx(expected)


def test_taking_repeats_whole_requests() -> None:
    taken = requests().take(np.array([2, 0, 2]))
    assert taken.queries.user_rows.tolist() == [1, 0, 1]
    assert taken.queries.offsets.tolist() == [0, 2, 4, 6]
    assert taken.queries.track_rows.tolist() == [0, 2, 0, 1, 0, 2]
    assert taken.excluded_offsets.tolist() == [0, 2, 3, 5]
    assert taken.excluded_rows.tolist() == [0, 1, 2, 0, 1]


def test_a_slice_is_a_take_of_neighbours() -> None:
    sliced, taken = requests().slice(1, 3), requests().take(np.array([1, 2]))
    for name in ("seed_rows", "excluded_offsets", "excluded_rows"):
        assert getattr(sliced, name).tolist() == getattr(taken, name).tolist()
    assert sliced.queries.track_rows.tolist() == taken.queries.track_rows.tolist()
