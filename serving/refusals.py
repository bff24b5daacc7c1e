"""A bundle that could not be loaded is tried again: what was wrong may pass, as a copy under way or a disk that is away."""

import time
from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 60.0
TIMES: Final = 20  # what a try took; so tries in vain take a twentieth of the time at most


class Refusals:
    """Which bundle was refused last, and when it may be tried again: at intervals that double up to a minute.

    Nothing tells reliably what is wrong for good: a file that is copied right now has the wrong digest, too.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._name: str | None = None
        self._pause = self._next_try = 0.0

    def may_try(self, name: str) -> bool:
        """Return whether a bundle may be loaded now."""
        return name != self._name or self._now() >= self._next_try

    def note(self, name: str, took_seconds: float) -> bool:
        """Note that a bundle was refused, after so long a try; return whether that is news."""
        is_new = name != self._name
        self._pause = FIRST_SECONDS if is_new else min(2 * self._pause, MOST_SECONDS)
        self._name, self._next_try = name, self._now() + max(self._pause, TIMES * took_seconds)
        return is_new

    def clear(self) -> bool:
        """Forget the refusal, since what is wanted answers or is asked for again; return whether there was one."""
        had_one, self._name = self._name is not None, None
        return had_one
