"""Experiments without an effect and with one, by the thousand; a million users through a ramp."""

from dataclasses import dataclass
from typing import Final

from benchmarks.experiments.assigning import assigned
from benchmarks.experiments.simulating import Simulated, simulated
from benchmarks.harness import Bar, Options, Result

MOST_FALSE_ALARMS: Final = 0.05
LEAST_NAIVE: Final = 0.2


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Args:
        rounds: Of 2,000 experiments each.
        users: Who are assigned.
    """

    rounds: int
    users: int


FULL: Final = Size(10, 1_000_000)
QUICK: Final = Size(1, 100_000)


def run(options: Options) -> Result:
    """Look daily at 20,000 experiments of 28 days (`--quick`: 2,000) and assign a million users (100,000).

    Plays of a user are skewed (exponential). The usual z-test, looked at as often, is the other side.
    """
    size = QUICK if options.quick else FULL
    return result(size, quick=options.quick)


def result(size: Size, *, quick: bool) -> Result:
    """Return figures and bars of a size."""
    found, ramp = simulated(size.rounds), assigned(size.users)
    figures: dict[str, float | int | str | bool] = {"quick": quick, "users": size.users}
    figures |= found.__dict__ | ramp.__dict__
    return Result(figures, _bars(found) | _ramp_bars(ramp.__dict__))


def _bars(found: Simulated) -> dict[str, Bar]:
    return {
        "false_alarms": Bar(found.false_alarms, at_most=MOST_FALSE_ALARMS),
        "false_alarms_of_z_tests": Bar(found.false_alarms_of_z_tests, at_least=LEAST_NAIVE),
        "covered": Bar(found.covered, at_least=1 - MOST_FALSE_ALARMS),
        "found_as_planned": Bar(found.found_as_planned, at_least=0.78),
        "false_mismatches": Bar(found.false_mismatches, at_most=0.01),
        "found_mismatches": Bar(found.found_mismatches, at_least=0.99),
        "cuped_against_theory": Bar(abs(found.cuped_against_theory - 1), at_most=0.05),
    }


def _ramp_bars(ramp: dict[str, float]) -> dict[str, Bar]:
    return {
        "moved_otherwise": Bar(ramp["moved_otherwise"], at_most=0),
        "furthest_share": Bar(ramp["furthest_share"], at_most=4),
        "independence_p_value": Bar(ramp["independence_p_value"], at_least=0.001),
    }
