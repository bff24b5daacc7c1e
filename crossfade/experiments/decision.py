"""Hold, ramp, promote or roll back: a pure function of an experiment's spec and what was observed.

Every look counts once: intervals are valid at all looks together, so a decision may be asked for as often as anyone likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.spec import ExperimentSpec, Guardrail, Metric
from crossfade.experiments.statistics import sample_ratio
from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.guardrails import Verdict, verdict
from crossfade.experiments.statistics.moments import Doubles, Moments
from crossfade.experiments.statistics.sequential import always_valid

# Weights of the split's priors: one finds shares soonest that are off by a few hundredths, one those off by half a hundredth.
PRIORS: Final = (100.0, 10_000.0)


class Action(StrEnum):
    """What to do next."""

    HOLD = "hold"
    RAMP = "ramp"
    PROMOTE = "promote"
    ROLL_BACK = "roll back"


@dataclass(frozen=True)
class Observations:
    """What is known of a running experiment, of its present step alone: before, shares were others.

    Args:
        step: Place of the running step in the ramp.
        in_step: Time since it began.
        running: Time since the experiment began.
        users: Variant -> users who were shown it in this step.
        metrics: Metric -> variant -> moments over these users.
    """

    step: int
    in_step: timedelta
    running: timedelta
    users: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, Moments]]


@dataclass(frozen=True)
class Told:
    """One metric of one treatment: the relative effect with its always-valid interval; NaN where nothing is known."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Decision:
    """What to do, for which treatment, and why.

    Args:
        action: Next.
        treatment: That is promoted; None otherwise.
        reasons: Sentences, the deciding one first.
    """

    action: Action
    treatment: str | None
    reasons: tuple[str, ...]


def decide(spec: ExperimentSpec, seen: Observations) -> Decision:
    """Decide on an experiment.

    In this order: a harmed guardrail rolls back, even where nothing else can be trusted; a sample ratio mismatch or too few
    users hold; a primary metric that is surely worse rolls back; one that is surely better, in the last step and for its
    minimum duration, with every guardrail surely safe, promotes the best treatment; time that has run out rolls back; a step
    that has lasted ramps to the next; else hold.
    """
    if harmed := _harmed(spec, seen):
        return Decision(Action.ROLL_BACK, None, tuple(harmed))
    if unsound := _unsound(spec, seen):
        return Decision(Action.HOLD, None, (unsound,))
    effects = {name: effect(spec, seen, spec.primary, name) for name in spec.treatments}
    sides = {name: _better(told, spec.primary) for name, told in effects.items()}
    lost = [name for name, (low, high) in sides.items() if high < 0]
    if len(lost) == len(sides):
        return Decision(
            Action.ROLL_BACK, None, tuple(_sentence(spec.primary, name, effects[name]) for name in lost)
        )
    return _onward(spec, seen, effects, sides)


def _onward(
    spec: ExperimentSpec,
    seen: Observations,
    effects: Mapping[str, Told],
    sides: Mapping[str, tuple[float, float]],
) -> Decision:
    """Decide where nothing speaks against going on."""
    lasted, is_last = seen.in_step >= spec.ramp[seen.step].minimum_duration, seen.step == len(spec.ramp) - 1
    won = [name for name, (low, _) in sides.items() if low > 0]
    unsure = [] if not won else _not_safe(spec, seen, won)
    ready = [name for name in won if name not in unsure]
    if ready and is_last and lasted:
        best = max(ready, key=lambda name: sum(sides[name]))
        return Decision(Action.PROMOTE, best, (_sentence(spec.primary, best, effects[best]),))
    if seen.running >= spec.stop.maximum_duration:
        text = f"After {seen.running.days} days no treatment is surely better with all guardrails safe."
        return Decision(Action.ROLL_BACK, None, (text,))
    told = tuple(_sentence(spec.primary, name, found) for name, found in effects.items())
    if lasted and not is_last:
        return Decision(
            Action.RAMP,
            None,
            (f"Step {seen.step + 1} of {len(spec.ramp)} has lasted, nothing is harmed.", *told),
        )
    waiting = [f"The guardrails of {name!r} are not surely safe yet." for name in unsure]
    if not lasted:
        waiting.append(f"Step {seen.step + 1} of {len(spec.ramp)} has not lasted its minimum duration.")
    return Decision(Action.HOLD, None, (*waiting, *told))


def effect(spec: ExperimentSpec, seen: Observations, metric: Metric, treatment: str) -> Told:
    """Return a treatment's relative effect on a metric; alpha is shared between the treatments.

    The mixture's scale is what the metric is asked about: the minimum effect, or a guardrail's margin.
    """
    arms = seen.metrics.get(metric.name, {})
    if treatment not in arms or CONTROL not in arms:
        return Told(np.nan, np.nan, np.nan)
    found = Effect.relative(arms[treatment], arms[CONTROL])
    scale = metric.margin if isinstance(metric, Guardrail) else spec.primary.minimum_effect
    low, high = always_valid(found, spec.stop.alpha / len(spec.treatments), scale=scale)
    return Told(float(found.estimate), float(low), float(high))


def strain(spec: ExperimentSpec, seen: Observations, guardrail: Guardrail, treatment: str) -> float:
    """Return how much of a guardrail's margin a treatment has surely lost: above 1 it is harmed, 0 where nothing is sure."""
    told = effect(spec, seen, guardrail, treatment)
    best = told.high if guardrail.higher_is_better else -told.low
    return -best / guardrail.margin if best < 0 and _enough(spec, seen, treatment) else 0.0


def sample_ratio_p_value(spec: ExperimentSpec, seen: Observations) -> float:
    """Return the p-value, valid at all looks together, that users were assigned as allocated; 1 where there is nobody."""
    counts, shares = _counts(spec, seen), allocated(spec, seen.step)
    chances = [
        float(sample_ratio.always_valid_p_value(counts[None], shares, prior_users=each)[-1])
        for each in PRIORS
    ]
    return min(1.0, len(PRIORS) * min(chances))


def _counts(spec: ExperimentSpec, seen: Observations) -> sample_ratio.Int64s:
    return np.array([seen.users.get(name, 0) for name in (CONTROL, *spec.treatments)])


def _harmed(spec: ExperimentSpec, seen: Observations) -> list[str]:
    return [
        f"Guardrail {_sentence(guardrail, name, told)}, worse than its margin of {guardrail.margin:.1%}."
        for guardrail in spec.guardrails
        for name in spec.treatments
        if _enough(spec, seen, name)
        and _verdict(guardrail, told := effect(spec, seen, guardrail, name)) is Verdict.HARMED
    ]


def _not_safe(spec: ExperimentSpec, seen: Observations, treatments: list[str]) -> list[str]:
    return [
        name
        for name in treatments
        if any(
            _verdict(guardrail, effect(spec, seen, guardrail, name)) is not Verdict.SAFE
            for guardrail in spec.guardrails
        )
    ]


def _verdict(guardrail: Guardrail, told: Told) -> Verdict:
    return verdict(told.low, told.high, margin=guardrail.margin, higher_is_better=guardrail.higher_is_better)


def _enough(spec: ExperimentSpec, seen: Observations, treatment: str) -> bool:
    return min(seen.users.get(name, 0) for name in (CONTROL, treatment)) >= spec.stop.minimum_users


def allocated(spec: ExperimentSpec, step: int) -> Doubles:
    """Return [num_variants] float64: shares of all users that a step (from 0) gives to control and to each treatment."""
    shares = spec.ramp[step].shares
    control = 1 - sum(shares.values()) - spec.holdout
    return np.array([control, *(shares[name] for name in spec.treatments)])


def is_mismatched(spec: ExperimentSpec, seen: Observations) -> bool:
    """Return whether users are surely split otherwise than allocated; valid at all looks together."""
    return sample_ratio_p_value(spec, seen) < spec.stop.sample_ratio_alpha


def _unsound(spec: ExperimentSpec, seen: Observations) -> str | None:
    """Return why nothing can be concluded, None where it can."""
    allocation, counts = allocated(spec, seen.step), _counts(spec, seen)
    chance = sample_ratio_p_value(spec, seen)
    if chance < spec.stop.sample_ratio_alpha:
        return (
            f"The variants have {counts.tolist()} users where {np.round(allocation / allocation.sum(), 4).tolist()} of them were "
            f"allocated (p = {chance:.1e}): users of one side are missing, so no metric can be trusted. Find out where they go."
        )
    if counts.min() < spec.stop.minimum_users:
        return f"A variant has {counts.min()} users; {spec.stop.minimum_users} of each are needed to conclude anything."
    missing = [name for name in spec.treatments if np.isnan(effect(spec, seen, spec.primary, name).estimate)]
    return f"{spec.primary.name} is not known of {missing[0]!r} and control." if missing else None


def _better(told: Told, metric: Metric) -> tuple[float, float]:
    """Return the interval turned so that above 0 is better."""
    return (told.low, told.high) if metric.higher_is_better else (-told.high, -told.low)


def _sentence(metric: Metric, treatment: str, told: Told) -> str:
    return f"{metric.name} of {treatment!r}: {told.estimate:+.2%} [{told.low:+.2%}, {told.high:+.2%}]"
