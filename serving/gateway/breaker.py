"""Leaves a part that fails alone for a while, so that its trouble does not become everybody's wait."""

import time

FAILURES_TO_OPEN = 3


class Breaker:
    """Opens after three failures in a row; then one caller in every `retry_ms` may try.

    Args:
        retry_ms: Pause between tries.
    """

    def __init__(self, retry_ms: int) -> None:
        self._retry_seconds = retry_ms / 1000
        self._failures = 0
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the part counts as failed."""
        return self._failures >= FAILURES_TO_OPEN

    def may_try(self) -> bool:
        """Return whether to ask the part; while it counts as failed, true once in `retry_ms`."""
        now = time.monotonic()
        if self.is_open and now < self._next_try:
            return False
        self._next_try = now + self._retry_seconds
        return True

    def note(self, *, succeeded: bool) -> None:
        """Tell how it went."""
        self._failures = 0 if succeeded else self._failures + 1
