"""Windows in which others took the machine are made again, and nothing of them is hidden."""

import math
import os
from collections.abc import Sequence
from typing import cast

from benchmarks.neighbours import CALM, Neighbours
from benchmarks.serving.load import Outcome, Plan
from benchmarks.serving.services import Service
from benchmarks.serving.windows import MOST_STOPPED, TRIES, Tries, Window, calmest, told, window


class Scripted:
    """Neighbours that share the cores as they are told."""

    def __init__(self, shared: Sequence[float]) -> None:
        self.coming = iter(shared)

    def shared(self, cores: list[int], since: float, until: float) -> float:
        """Return the next one."""
        assert set(cores) <= os.sched_getaffinity(0)
        assert since < until
        return next(self.coming)


def outcome(p99: float, stopped: float = 0.0, failed: int = 0) -> Outcome:
    """Return what came back."""
    return Outcome(100, p99 / 2, p99, p99, 0, failed, 0, 1, 0.1, stopped, p99, (p99,) * 10)


def made(outcomes: Sequence[Outcome], shared: Sequence[float]) -> Tries:
    """Make a window of loads with such outcomes."""
    coming, neighbours = iter(outcomes), cast("Neighbours", Scripted(shared))
    return window(
        Service("http://x", os.getpid()),
        Plan("http://x/"),
        neighbours,
        measure=lambda *_: (next(coming), 0.001),
    )


def test_a_window_is_made_again_until_its_load_was_made_in_calm() -> None:
    outcomes = [outcome(9, 0.3), outcome(8), outcome(7), outcome(2, MOST_STOPPED), outcome(1)]
    tries = made(outcomes, [0.0, CALM + 0.1, float("nan"), CALM, 0.0])
    assert [each.outcome.p99_ms for each in tries] == [9, 8, 7, 2]
    assert calmest(tries).outcome.p99_ms == 2


def test_a_slow_service_is_no_reason_to_make_a_window_again() -> None:
    assert made([outcome(900, failed=7)], [0.0]) == [Window(outcome(900, failed=7), 0.001, 0.0)]


def test_where_it_is_never_calm_the_least_disturbed_try_counts_and_says_so() -> None:
    tries = made([outcome(p99) for p99 in range(1, TRIES + 1)], [0.9, 0.8, 0.3, 0.7])
    figures = told("radio", [tries])
    assert (len(tries), figures["radio_tries"], figures["radio_p99_ms"]) == (TRIES, TRIES, 3)
    assert figures["radio_shared"] == 0.3


def test_where_the_load_never_was_made_the_figures_say_so() -> None:
    assert told("radio", [made([outcome(3, 0.2)] * TRIES, [0.0] * TRIES)])["radio_load_stopped_share"] == 0.2


def test_percentiles_are_of_all_requests_of_what_counts_and_the_worst_and_failures_of_every_try() -> None:
    windows = [
        made([outcome(90, 0.5, failed=3), outcome(4)], [0.0, 0.0]),
        made([outcome(2)], [0.0]),
        made([outcome(6, failed=1)], [0.1]),
    ]
    figures = told("radio", windows)
    # Ten requests each of 4, 2 and 6 ms; every try has ten of 90 ms as well.
    assert (figures["radio_p50_ms"], figures["radio_p99_ms"]) == (4, 6)
    assert (figures["radio_every_try_p99_ms"], figures["radio_worst_try_p99_ms"]) == (90, 90)
    assert (figures["radio_failed"], figures["radio_tries"]) == (4, 4)
    assert (figures["radio_load_stopped_share"], figures["radio_shared"]) == (0, 0.1)


def test_where_nothing_was_answered_there_is_no_latency() -> None:
    nothing = Outcome(0, float("nan"), float("nan"), float("nan"), 0, 9, 0, 0)
    assert math.isnan(told("radio", [made([nothing], [0.0])])["radio_p99_ms"])
