"""Work that nobody waits for, at a lower priority than what answers people on the same machine."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Final, TypeVar

T = TypeVar("T")

STEPS_BACK: Final = 10  # of niceness: about a tenth of the processor beside somebody else's work
LOOK_SECONDS: Final = 0.5


def in_background(work: Callable[[threading.Event], T]) -> T:
    """Do work in a thread that steps back behind others, and return what it returns or raise what it raises.

    The process keeps its own priority, which it could not take back: on Linux each thread has one. Elsewhere the work has the
    process'.

    Args:
        work: Given an event, which is set where whoever waits is interrupted; the interrupt is raised once the work has ended.
    """
    done: Future[T] = Future()
    stop = threading.Event()

    def begin() -> None:
        try:
            if sys.platform == "linux":
                os.nice(STEPS_BACK)
            done.set_result(work(stop))
        except BaseException as error:  # noqa: BLE001 (who waits gets it)
            done.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(begin,), name="background", daemon=True)
    thread.start()
    try:
        while not wait([done], timeout=LOOK_SECONDS).done:
            pass  # a signal that came a moment before this thread slept has not woken it
        return done.result()
    finally:
        stop.set()
        thread.join()
