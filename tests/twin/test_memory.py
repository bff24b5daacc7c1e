"""Memory: a track enters a library once, a full library forgets what came first."""

import numpy as np
import numpy.typing as npt

from crossfade.twin.memory import KEPT, LIKED, SAVED, Memory, keep, library_order


def _keep(memory: Memory, users: list[int], tracks: list[int], *, taste: float = 0.5, day: float = 0) -> None:
    count = len(users)
    keep(
        memory,
        np.array(users),
        np.array(tracks, np.int32),
        taste=np.full(count, taste, np.float32),
        interests=np.zeros(count, np.int8),
        days=np.full(count, day, np.float32),
        rng=np.random.default_rng(0),
    )


def _library(memory: Memory, user: int) -> list[int]:
    return sorted(memory.library[user][memory.library[user] >= 0].tolist())


def test_a_pair_enters_once() -> None:
    memory = Memory.blank(2, 9, 1)
    _keep(memory, [0, 1, 0, 0], [3, 3, 3, 5])
    _keep(memory, [0, 0], [5, 6])
    assert _library(memory, 0) == [3, 5, 6]
    assert _library(memory, 1) == [3]
    assert memory.entered.tolist() == [3, 1]


def test_a_full_library_forgets_what_came_first() -> None:
    memory = Memory.blank(1, 500, 1)
    capacity = memory.library.shape[1]
    _keep(memory, [0] * capacity, list(range(capacity)))
    _keep(memory, [0, 0], [capacity, capacity + 1])
    assert _library(memory, 0) == list(range(2, capacity + 2))
    assert not memory.has(np.array([0]), np.array([0], np.int32), KEPT)[0]
    assert memory.has(np.array([0]), np.array([capacity], np.int32), KEPT)[0]
    _keep(memory, [0], [0])
    assert 0 in _library(memory, 0)


def test_flags_do_not_touch_each_other() -> None:
    memory = Memory.blank(1, 4, 1)
    user, track = np.array([0]), np.array([2], np.int32)
    memory.mark(user, track, SAVED)
    memory.mark(user, track, LIKED)
    assert memory.has(user, track, SAVED)[0]
    assert memory.has(user, track, LIKED | KEPT)[0]
    assert not memory.has(user, track, KEPT)[0]


def test_what_is_loved_or_new_comes_back_sooner() -> None:
    memory = Memory.blank(1, 4, 1)
    _keep(memory, [0], [0], taste=0.2, day=-300)
    _keep(memory, [0], [1], taste=0.9, day=-300)
    _keep(memory, [0], [2], taste=0.2, day=10)
    wishes = memory.wishes(np.array([0]), 10)[0]
    assert wishes[1] > wishes[0]
    assert wishes[2] > wishes[0]
    assert wishes[3] == -np.inf


def test_an_empty_library_recalls_nothing_and_empty_places_come_last() -> None:
    memory = Memory.blank(2, 4, 1)
    _keep(memory, [1, 1], [2, 3])
    rng = np.random.default_rng(1)
    users: npt.NDArray[np.int64] = np.array([0, 1])
    tracks = memory.recall(users, 0, rng)
    assert tracks[0] == -1
    assert tracks[1] in (2, 3)
    order = library_order(memory, users, 0, np.zeros((2, 4), np.float32), rng)
    assert set(order[1, :2].tolist()) == {0, 1}
