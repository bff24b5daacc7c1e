"""A slow first try gets a second one beside it, within a budget; the first answer counts."""

import asyncio
from collections.abc import Callable

import pytest

from serving.gateway.hedging import MOST_SAVED, HedgeBudget, hedged


class Service:
    """Answers its n-th call after the n-th number of seconds, by its number; a negative number is an error at once."""

    def __init__(self, *seconds: float) -> None:
        self.seconds, self.calls, self.cancelled = seconds, 0, 0

    async def __call__(self) -> int:
        number = self.calls
        self.calls += 1
        if self.seconds[number] < 0:
            raise OSError(f"call {number} failed")
        try:
            await asyncio.sleep(self.seconds[number])
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


def asked(service: Service, allows: Callable[[], bool] = lambda: True) -> int:
    async def run() -> int:
        try:
            return await hedged(service, 0.02, allows)
        finally:
            await asyncio.sleep(0.001)  # what was cancelled ends

    return asyncio.run(run())


def test_a_quick_answer_is_the_only_one() -> None:
    service = Service(0.0)
    assert (asked(service), service.calls) == (0, 1)


def test_a_slow_one_is_overtaken_and_ended() -> None:
    service = Service(5.0, 0.0)
    assert (asked(service), service.calls, service.cancelled) == (1, 2, 1)


def test_the_first_may_still_win() -> None:
    service = Service(0.05, 5.0)
    assert (asked(service), service.calls, service.cancelled) == (0, 2, 1)


def test_without_leave_there_is_no_second() -> None:
    service = Service(0.04)
    assert (asked(service, lambda: False), service.calls) == (0, 1)


def test_an_error_of_the_second_waits_for_the_first_and_one_alone_is_raised() -> None:
    service = Service(0.05, -1)
    assert (asked(service), service.calls) == (0, 2)
    with pytest.raises(OSError, match="call 0 failed"):
        asked(Service(-1))


def test_a_share_of_requests_is_asked_twice_and_no_more() -> None:
    budget = HedgeBudget(0.25)
    assert (budget.take(), budget.take()) == (True, False)
    taken = 0
    for _ in range(40):
        budget.note()
        taken += budget.take()
    assert taken == 10
    for _ in range(1000):
        budget.note()
    assert sum(budget.take() for _ in range(100)) == MOST_SAVED
    assert not HedgeBudget(0.0).take()
