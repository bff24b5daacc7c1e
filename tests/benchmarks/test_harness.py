"""The harness measures in turn, watches memory of whole process trees and judges bars on both sides."""

import sys
import time

import pytest

from benchmarks.harness import (
    Bar,
    Options,
    Progress,
    Result,
    in_turn,
    machine,
    median_and_spread,
    run_measured,
)
from benchmarks.help import run as run_help


@pytest.mark.parametrize(
    ("bar", "holds"),
    [
        (Bar(1.0, at_most=1.0), True),
        (Bar(1.1, at_most=1.0), False),
        (Bar(1.0, at_least=1.0), True),
        (Bar(0.9, at_least=1.0), False),
        (Bar(float("nan"), at_least=1.0), False),
        (Bar(float("nan"), at_most=1.0), False),
    ],
)
def test_bars_hold_on_their_side_only(bar: Bar, holds: bool) -> None:
    assert bar.holds is holds


def test_a_result_is_one_object() -> None:
    result = Result({"seconds": 2.0}, {"seconds": Bar(2.0, at_most=1.0)})
    found = result.as_json("name")
    assert list(found) == ["name", "machine", "figures", "bars"]
    assert found["bars"] == {"seconds": {"value": 2.0, "at_most": 1.0, "holds": False}}
    assert found["machine"] == machine()
    assert int(machine()["cores"]) >= 1


def test_progress_tells_figures_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    told = Progress()
    told.measure("radio", lambda: {"p99_ms": 12.34567, "failed": 0})
    lines = [line.split("] ")[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["radio ...", "  p99_ms 12.346", "  failed 0"]
    assert told.figures == {"p99_ms": 12.346, "failed": 0}


def test_sides_are_timed_in_turn_after_a_warm_up() -> None:
    calls: list[str] = []
    found = in_turn({"a": lambda: calls.append("a"), "b": lambda: (calls.append("b"), time.sleep(0.01))}, 2)
    assert calls == ["a", "b"] * 3
    assert [len(seconds) for seconds in found.values()] == [2, 2]
    assert min(found["b"]) >= 0.01


def test_median_and_spread() -> None:
    assert median_and_spread([1.0, 2.0, 3.0, 4.0, 100.0]) == (3.0, 2.0)  # quartiles 2 and 4
    assert median_and_spread([5.0]) == (5.0, 0.0)


def test_memory_of_children_counts() -> None:
    child = "import time; block = bytearray(80_000_000); time.sleep(0.6); sum(range(2_000_000))"
    started = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    parent = f"{started}; print('done'); sys.exit(3)"
    found = run_measured([sys.executable, "-c", parent])
    assert (found.exit_code, found.output) == (3, "done\n")
    assert found.seconds > 0.6
    assert 80_000_000 < found.peak_bytes < 200_000_000
    assert 0.01 < found.cpu_seconds < found.seconds * 2


def test_help_is_quick() -> None:
    found = run_help(Options(quick=True))
    assert float(found.figures["python_seconds"]) < float(found.figures["help_seconds"])
    assert set(found.bars) == {"help_seconds"}
