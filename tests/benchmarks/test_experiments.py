"""The benchmark of experiments: figures of a small size, and bars that see both outcomes."""

from dataclasses import replace

import pytest

from benchmarks import experiments
from benchmarks.experiments import simulating
from benchmarks.experiments.assigning import assigned


def test_figures_hold_and_a_naive_test_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulating, "EXPERIMENTS", 200)
    found = experiments.result(experiments.Size(rounds=1, users=2000), quick=True)
    assert found.figures["experiments"] == simulating.EXPERIMENTS
    bars = {name: bar.holds for name, bar in found.bars.items()}
    assert bars["false_alarms_of_z_tests"]
    assert bars["moved_otherwise"]
    told = simulating.Simulated(1, 0.05, 0.3, 0.95, 0.8, 0.0, 1.0, 1.01)
    assert all(bar.holds for bar in experiments._bars(told).values())
    wrong = replace(told, false_alarms=0.06, found_mismatches=0.5, cuped_against_theory=1.2, covered=0.9)
    held = {name: bar.holds for name, bar in experiments._bars(wrong).items()}
    assert [name for name, holds in held.items() if not holds] == [
        "false_alarms", "covered", "found_mismatches", "cuped_against_theory",
    ]  # fmt: skip


def test_users_only_move_into_the_treatment() -> None:
    found = assigned(3000)
    assert found.moved_otherwise == 0
    assert found.furthest_share < 4
    assert found.independence_p_value > 0.001
