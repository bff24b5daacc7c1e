"""Lets a command that runs for long end in order when it is told to."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def until_told_to_stop() -> Iterator[Callable[[], bool]]:
    """Take SIGTERM and SIGINT for the block as a wish to end; a second one ends the process at once.

    Yields:
        A function that tells whether the wish was uttered.
    """
    told = False

    def note(number: int, _: FrameType | None) -> None:
        nonlocal told
        told = True
        signal.signal(number, before[number])

    before = {number: signal.signal(number, note) for number in map(int, SIGNALS)}
    try:
        yield lambda: told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
