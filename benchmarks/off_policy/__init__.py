"""Policies judged from the log of another one on simulated listeners, where what they truly earn is known by living it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.off_policy.judging import Judge
from benchmarks.off_policy.place import PRESENT, Place

# The town has no place in which a policy could be worse for a reason of its own: only how it explores differs.
JUDGED: Final = {
    "curious": replace(PRESENT, prior_plays=3.0),  # tries genres of which it knows next to nothing: worse
    "careful": replace(PRESENT, prior_plays=100.0),  # nearly as now
}
WORSE: Final = "curious"
TRUTH_SEED: Final = 100_000
LEAST_COVERED: Final = 0.9


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Args:
        users: Listeners of the town.
        tracks: Its catalogue.
        seeds: Logs of one week each.
        pooled: Such weeks that the gate reads together.
        truth_weeks: Lived under each policy, for what it truly earns.
    """

    users: int
    tracks: int
    seeds: int
    pooled: int
    truth_weeks: int


FULL: Final = Size(400, 1200, 100, 8, 60)  # eight weeks are what an experiment is judged by
QUICK: Final = Size(300, 800, 16, 8, 12)


def run(options: Options) -> Result:
    """Log a hundred weeks (`--quick`: 16 of a smaller town), judge two policies from each, and live sixty weeks under each.

    Beside the estimates stands a naive replay: the mean of those logged choices that the judged policy would most probably make.
    """
    return result(QUICK if options.quick else FULL, quick=options.quick)


def result(size: Size, *, quick: bool, seed: int = 11) -> Result:
    """Return figures and bars of a size."""
    judge = Judge(Place.of(size.users, size.tracks, seed))
    weeks = [judge.logged(PRESENT, number) for number in range(size.seeds)]
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "choices_a_week": len(weeks[0].rewards) * 3,
    }
    now = judge.truth(PRESENT, TRUTH_SEED, size.truth_weeks)
    figures["present, true"] = now
    for name, policy in JUDGED.items():
        true = judge.truth(policy, TRUTH_SEED, size.truth_weeks)
        figures[f"{name}, true"] = true
        covered = judge.covered(weeks, policy, true)
        figures |= {f"{name}, covered by {estimator}": share for estimator, share in covered.items()}
        pools = [weeks[start : start + size.pooled] for start in range(0, size.seeds, size.pooled)]
        figures |= {f"{name}, {key}": share for key, share in judge.gated(pools, policy).items()}
    figures["worse_by"] = (now - float(figures[f"{WORSE}, true"])) / now
    figures["unsupported_refused"] = float(judge.refuses_unsupported(weeks[0]))
    return Result(figures, bars(figures))


def bars(figures: Mapping[str, float | int | str | bool]) -> dict[str, Bar]:
    """Return what must hold: coverage, and a gate that is not taken in."""
    found = {
        name: Bar(float(value), at_least=LEAST_COVERED)
        for name, value in figures.items()
        if "covered by" in name
    }
    return found | {
        f"{WORSE}, refused": Bar(float(figures[f"{WORSE}, refused"]), at_least=0.9),
        f"{WORSE}, looks_better": Bar(float(figures[f"{WORSE}, looks_better"]), at_least=0.9),
        "worse_by": Bar(float(figures["worse_by"]), at_least=0.03),
        "unsupported_refused": Bar(float(figures["unsupported_refused"]), at_least=1.0),
    }
