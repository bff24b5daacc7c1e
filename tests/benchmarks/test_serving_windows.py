"""Windows in which the load was stopped are made again, and nothing of them is hidden."""

from benchmarks.serving.load import Outcome, Plan
from benchmarks.serving.windows import MOST_STOPPED, TRIES, told, window


def outcome(p99: float, stopped: float = 0.0, failed: int = 0) -> Outcome:
    """Return what came back."""
    return Outcome(100, p99 / 2, p99, p99, 0, failed, 0, 1, 0.1, stopped, p99)


def test_a_window_is_made_again_until_its_load_was_made() -> None:
    coming = iter([outcome(9, 0.3), outcome(8, 0.06), outcome(2, MOST_STOPPED), outcome(1)])
    assert [each.p99_ms for each in window(Plan("http://x/"), lambda _: next(coming))] == [9, 8, 2]


def test_a_slow_service_is_no_reason_to_make_a_window_again() -> None:
    assert window(Plan("http://x/"), lambda _: outcome(900, failed=7)) == [outcome(900, failed=7)]


def test_where_the_load_never_was_made_the_last_try_counts_and_says_so() -> None:
    tries = window(Plan("http://x/"), lambda _: outcome(3, 0.2))
    assert len(tries) == TRIES
    assert told("radio", [tries])["radio_load_stopped_share"] == 0.2


def test_figures_are_medians_of_what_counts_and_the_worst_and_failures_of_every_try() -> None:
    windows = [[outcome(90, 0.5, failed=3), outcome(4)], [outcome(2)], [outcome(6, failed=1)]]
    figures = told("radio", windows)
    assert (figures["radio_p50_ms"], figures["radio_p99_ms"]) == (2, 4)
    assert (figures["radio_worst_p99_ms"], figures["radio_failed"]) == (90, 4)
    assert (figures["radio_windows_made_again"], figures["radio_load_stopped_share"]) == (1, 0)
