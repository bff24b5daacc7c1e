"""A second try beside a slow first one (Dean and Barroso 2013, "The Tail at Scale"), for few requests only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

Answer = TypeVar("Answer")

MOST_SAVED: Final = 10.0  # hedges that a quiet time may save up


class HedgeBudget:
    """Lets a share of requests be asked twice, so that a slow service is not asked twice as much by everybody.

    Args:
        share: 0..1 of all requests on average.
    """

    def __init__(self, share: float) -> None:
        self._share, self._saved = share, 1.0

    def note(self) -> None:
        """Count a request."""
        self._saved = min(MOST_SAVED, self._saved + self._share)

    def take(self) -> bool:
        """Take a hedge, and return whether there was one."""
        if self._share <= 0 or self._saved < 1:
            return False
        self._saved -= 1
        return True


async def hedged(
    ask: Callable[[], Awaitable[Answer]], after_seconds: float, allows: Callable[[], bool]
) -> Answer:
    """Ask; ask once more where no answer came for a while; return the first answer, or the last error.

    Args:
        ask: Safe to call twice.
        after_seconds: How long the first may take.
        allows: Asked whether there may be a second.
    """
    asking = {asyncio.ensure_future(ask())}
    try:
        done, _ = await asyncio.wait(asking, timeout=after_seconds)
        if not done and allows():
            asking.add(asyncio.ensure_future(ask()))
        while True:
            done, pending = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            failed = {each for each in done if each.exception() is not None}
            if done > failed or not pending:
                return (done - failed or done).pop().result()
            asking = pending
    finally:
        for each in asking:
            each.cancel()
