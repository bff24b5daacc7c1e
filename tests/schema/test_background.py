"""Work in the background: what it returns and raises, and at what priority."""

import os
import signal
import sys
import threading
import time

import pytest

from crossfade.schema.background import STEPS_BACK, in_background
from crossfade.schema.cores import may_spread, one_core


def test_work_returns_and_raises_as_if_it_were_called() -> None:
    assert in_background(lambda _: 7) == 7
    with pytest.raises(ZeroDivisionError):
        in_background(lambda _: 1 // 0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux alone")
def test_the_work_steps_back_and_the_caller_does_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    expected = min(before + STEPS_BACK, 19)
    assert in_background(lambda _: os.getpriority(os.PRIO_PROCESS, 0)) == expected
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_the_work_knows_what_its_caller_has_set() -> None:
    with one_core():
        assert not in_background(lambda _: may_spread())
    assert in_background(lambda _: threading.current_thread()) is not threading.current_thread()


def test_an_interrupt_asks_the_work_to_stop_and_waits_until_it_has() -> None:
    ended = []

    def work(stop: threading.Event) -> None:
        time.sleep(0.2)  # until the main thread waits, in which it is raised
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(10)
        ended.append(True)

    # Shells have it ignored in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            in_background(work)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == [True]
