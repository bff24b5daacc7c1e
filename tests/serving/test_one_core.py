"""Threads that take turns stay on one core, move together when another process wants it, and let long work go."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from serving import one_core

T = TypeVar("T")

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores of Linux",
)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    one_core._core = None


def in_a_thread(work: Callable[[], T]) -> T:
    """Return what work returns in a thread of its own, whose cores are nobody else's."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def cores() -> set[int]:
    return os.sched_getaffinity(0)


def test_who_keeps_and_who_is_started_then_share_a_core_and_who_was_there_is_free() -> None:
    before = cores()

    def work() -> tuple[set[int], set[int]]:
        one_core.keep()
        return cores(), in_a_thread(cores)

    own, started = in_a_thread(work)
    assert len(own) == 1
    assert started == own
    assert cores() == before


def test_long_work_leaves_the_core() -> None:
    def long_work() -> set[int]:
        one_core.free()
        return cores()

    def work() -> set[int]:
        one_core.keep()
        return in_a_thread(long_work)

    assert in_a_thread(work) == cores()


@pytest.mark.parametrize(("waited", "moves"), [(0.0, False), (1e6, True)])
def test_they_move_together_where_they_had_to_wait(
    monkeypatch: pytest.MonkeyPatch, waited: float, moves: bool
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)

    def work() -> tuple[set[int], set[int], set[int]]:
        one_core.keep()
        first, go = cores(), threading.Event()
        seen: list[set[int]] = []

        def other() -> None:
            go.wait()
            seen.append(cores())

        thread = threading.Thread(target=other)
        thread.start()
        monkeypatch.setattr(one_core, "_waited", lambda _: waited)
        one_core.look()
        go.set()
        thread.join()
        return first, cores(), seen[0]

    first, now, other = in_a_thread(work)
    assert now == other
    assert (now != first) == moves
    assert len(now) == 1


def test_nothing_happens_before_anybody_keeps() -> None:
    before = cores()
    one_core.look()
    one_core.free()
    assert cores() == before
