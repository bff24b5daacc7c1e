"""Every branch of the decision, with ties and missing data; a variant compared with itself never wins."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from crossfade.experiments.decision import Action, Observations, decide, effect, strain
from crossfade.experiments.spec import Experiment, ExperimentSpec, Guardrail
from crossfade.experiments.statistics.moments import Moments
from tests.experiments.test_spec import BUNDLE, manifest

USERS = 100_000
DAYS = timedelta(days=1)


def spec(**changes: Any) -> ExperimentSpec:
    told = manifest()
    told["spec"] |= changes
    return Experiment.model_validate(told).spec


def moments(mean: float, users: int = USERS) -> Moments:
    return Moments(np.array(float(users)), np.array(mean), np.array(25.0))


def seen(plays: float | None = 10.0, skips: float | None = 10.0, **changes: Any) -> Observations:
    """The last step, lasted, half and half; control plays and skips 10 each with a standard deviation of 5."""
    metrics = {
        name: {"control": moments(10.0)} | ({} if mean is None else {"flow": moments(mean)})
        for name, mean in (("plays", plays), ("skip_rate", skips))
    }
    told = Observations(1, 7 * DAYS, 10 * DAYS, {"control": USERS, "flow": USERS}, metrics)
    return replace(told, **changes)


FIRST_STEP = {"step": 0, "users": {"control": 99 * 2000, "flow": 2000}}
TABLE: dict[str, tuple[Observations, Action, str]] = {
    "surely better and safe": (seen(10.3), Action.PROMOTE, r"plays of 'flow': \+3\.00% \["),
    "equal": (seen(10.0), Action.HOLD, r"plays of 'flow': \+0\.00%"),
    "better, not surely": (seen(10.05), Action.HOLD, "plays of 'flow'"),
    "surely worse": (seen(9.7), Action.ROLL_BACK, r"plays of 'flow': -3\.00%"),
    "worse, not surely": (seen(9.95), Action.HOLD, "plays of 'flow'"),
    "better, but a guardrail is harmed": (
        seen(10.3, 10.6),
        Action.ROLL_BACK,
        r"Guardrail skip_rate of 'flow': \+6\.00%",
    ),
    "better, but a guardrail is open": (
        seen(10.3, 10.2),
        Action.HOLD,
        "guardrails of 'flow' are not surely safe",
    ),
    "better, a guardrail is not known": (
        seen(10.3, None),
        Action.HOLD,
        "guardrails of 'flow' are not surely safe",
    ),
    "better, the step is young": (
        seen(10.3, in_step=6 * DAYS),
        Action.HOLD,
        "Step 2 of 2 has not lasted its minimum duration",
    ),
    "time has run out": (
        seen(10.05, running=42 * DAYS),
        Action.ROLL_BACK,
        "After 42 days no treatment is surely better",
    ),
    "time has run out on the way": (
        seen(10.05, running=42 * DAYS, **FIRST_STEP),
        Action.ROLL_BACK,
        "After 42 days",
    ),
    "better in time, to the day": (seen(10.3, running=42 * DAYS), Action.PROMOTE, "plays of 'flow'"),
    "a step that lasted": (seen(10.05, in_step=DAYS, **FIRST_STEP), Action.RAMP, "Step 1 of 2 has lasted"),
    "better already, but not in the last step": (
        seen(10.8, in_step=DAYS, **FIRST_STEP),
        Action.RAMP,
        "Step 1 of 2 has lasted",
    ),
    "a young first step": (
        seen(10.05, in_step=DAYS / 2, **FIRST_STEP),
        Action.HOLD,
        "Step 1 of 2 has not lasted",
    ),
    "users are missing": (
        seen(10.3, users={"control": USERS, "flow": 98_000}),
        Action.HOLD,
        r"have \[100000, 98000\] users where \[0\.5, 0\.5\] of them were allocated",
    ),
    "users are missing, and harmed": (
        seen(10.3, 10.6, users={"control": USERS, "flow": 98_000}),
        Action.ROLL_BACK,
        "Guardrail skip_rate",
    ),
    "few users": (
        seen(9.0, 20.0, users={"control": 900, "flow": 900}),
        Action.HOLD,
        "A variant has 900 users; 1000",
    ),
    "nobody": (seen(users={}), Action.HOLD, "A variant has 0 users"),
    "the metric is not known": (seen(None), Action.HOLD, "plays is not known of 'flow' and control"),
    "no metric at all": (seen(metrics={}), Action.HOLD, "plays is not known"),
}


@pytest.mark.parametrize("name", TABLE)
def test_decisions(name: str) -> None:
    observations, action, words = TABLE[name]
    found = decide(spec(), observations)
    assert found.action is action, found.reasons
    assert re.search(words, found.reasons[0]), found.reasons
    assert (found.treatment == "flow") is (action is Action.PROMOTE)


def test_a_metric_that_is_better_when_lower_is_turned() -> None:
    turned = spec(
        primary={"name": "skip_rate", "minimumEffect": 0.01, "higherIsBetter": False}, guardrails=[]
    )
    assert decide(turned, seen(skips=9.7)).action is Action.PROMOTE
    assert decide(turned, seen(skips=10.3)).action is Action.ROLL_BACK


def test_strain_is_above_one_where_a_guardrail_is_harmed_and_nowhere_else() -> None:
    chosen = spec()
    for observations, _, words in TABLE.values():
        found = strain(chosen, observations, chosen.guardrails[0], "flow")
        assert (found > 1) is ("Guardrail" in words), words
    more = Guardrail(name="plays", margin=0.02)
    fewer = effect(chosen, seen(9.0), more, "flow")
    assert strain(chosen, seen(9.0), more, "flow") == pytest.approx(-fewer.high / 0.02)


def of_two(first: float, second: float) -> tuple[ExperimentSpec, Observations]:
    chosen = spec(
        variants=[{"name": name, "bundle": BUNDLE} for name in ("control", "a", "b")],
        ramp=[{"shares": {"a": 0.3, "b": 0.3}, "minimumDuration": "P1D"}],
        guardrails=[],
    )
    arms = {"control": moments(10.0), "a": moments(first), "b": moments(second)}
    users = {"control": 40_000, "a": 30_000, "b": 30_000}
    return chosen, Observations(0, 2 * DAYS, 2 * DAYS, users, {"plays": arms})


@pytest.mark.parametrize(
    ("first", "second", "action", "best"),
    [
        (10.5, 10.8, Action.PROMOTE, "b"),
        (10.8, 10.8, Action.PROMOTE, "a"),  # of equal ones the first
        (9.0, 10.8, Action.PROMOTE, "b"),
        (9.0, 10.0, Action.HOLD, None),  # one may still win
        (9.0, 9.0, Action.ROLL_BACK, None),
    ],
)
def test_the_best_of_several_wins(first: float, second: float, action: Action, best: str | None) -> None:
    found = decide(*of_two(first, second))
    assert (found.action, found.treatment) == (action, best)


def test_several_treatments_share_alpha() -> None:
    one, (two, observations) = spec(guardrails=[]), of_two(10.1, 10.1)
    alone = replace(observations, metrics={"plays": {"control": moments(10.0), "flow": moments(10.1)}})
    wide, narrow = effect(two, observations, two.primary, "a"), effect(one, alone, one.primary, "flow")
    assert wide.low < narrow.low
    assert wide.high > narrow.high


def test_of_variants_that_are_the_same_few_ever_win() -> None:
    random, experiments, days, chosen = np.random.default_rng(1), 300, 14, spec(guardrails=[])
    arms = random.exponential(10.0, (2, experiments, days, 200))
    control, flow = (Moments.growing(arm) for arm in arms)
    wins = 0
    for number in range(experiments):
        for day in range(days):
            told = {
                name: Moments(*(values[number, day] for values in (arm.count, arm.mean, arm.variance)))
                for name, arm in (("control", control), ("flow", flow))
            }
            users = dict.fromkeys(("control", "flow"), 200 * (day + 1))
            if decide(chosen, seen(users=users, metrics={"plays": told})).action is Action.PROMOTE:
                wins += 1
                break
    assert wins / experiments <= 0.05
