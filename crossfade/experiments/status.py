"""Where an experiment stands, as an object for programs and as lines for people."""

import math
from typing import Any

import numpy as np

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.decision import Observations, decide, effect, sample_ratio_p_value, strain
from crossfade.experiments.spec import Experiment, ExperimentSpec
from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.multiple import adjusted_p_values
from crossfade.experiments.statistics.sequential import always_valid_p_values


def status(experiment: Experiment, seen: Observations, of_several: int) -> dict[str, Any]:
    """Return users, effects, how far guardrails are strained, and the decision; all numbers are finite or None.

    Args:
        experiment: The manifest.
        seen: Of the running step.
        of_several: Users who saw more than one variant, and are left out.
    """
    spec, decision = experiment.spec, decide(experiment.spec, seen)
    chances = _secondary_p_values(spec, seen)
    effects: dict[str, dict[str, dict[str, float | None]]] = {}
    for metric in (spec.primary, *spec.guardrails, *spec.secondary):
        for name in spec.treatments:
            told = effect(spec, seen, metric, name)
            found = {"estimate": told.estimate, "low": told.low, "high": told.high}
            if (metric.name, name) in chances:
                found["adjusted_p_value"] = chances[metric.name, name]
            effects.setdefault(metric.name, {})[name] = {
                key: value if math.isfinite(value) else None for key, value in found.items()
            }
    strains = {
        guardrail.name: {name: strain(spec, seen, guardrail, name) for name in spec.treatments}
        for guardrail in spec.guardrails
    }
    return {
        "experiment": experiment.metadata.name,
        "users": dict(seen.users),
        "of_several_variants": of_several,
        "effects": effects,
        "strains": strains,
        "sample_ratio": {
            "p_value": sample_ratio_p_value(spec, seen),
            "alpha": spec.stop.sample_ratio_alpha,
        },
        "action": str(decision.action),
        "treatment": decision.treatment,
        "reasons": list(decision.reasons),
    }


def text(told: dict[str, Any]) -> str:
    """Return what `status` told as lines."""
    users = ", ".join(f"{name} {count:,}" for name, count in told["users"].items())
    lines = [f"{told['experiment']}: {f'users {users}' if users else 'nobody was looked at'}"]
    if told["of_several_variants"]:
        lines.append(f"{told['of_several_variants']:,} users saw more than one variant and are left out")
    for each in told.get("mismatches", ()):
        counts = ", ".join(f"{name} {count:,}" for name, count in each["users"].items())
        lines.append(f"{each['dimension']} {each['value']} is split otherwise than allocated: {counts}")
    for metric, arms in told["effects"].items():
        lines += [f"{metric}  {name}  {_interval(each)}" for name, each in arms.items()]
    if holdout := told.get("holdout"):
        held_out, others = holdout["users"].values()
        lines.append(f"against the holdout: {held_out:,} users held out, {others:,} not")
        lines += [f"{metric}  not held out  {_interval(each)}" for metric, each in holdout["effects"].items()]
    ended = f"ended on {told['ended'][:10]}, " if "ended" in told else ""
    lines.append(f"{ended}{told['action']}: {told['reasons'][0]}")
    return "\n".join([*lines, *(f"  {reason}" for reason in told["reasons"][1:])])


def _interval(told: dict[str, float | None]) -> str:
    if told["estimate"] is None:
        return "not known"
    ends = "to ".join(
        f"{told[end]:+.2%} " if told[end] is not None else "unknown " for end in ("low", "high")
    )
    chance = told.get("adjusted_p_value")
    return f"{told['estimate']:+.2%} ({ends.strip()})" + (
        f", adjusted p {chance:.3g}" if chance is not None else ""
    )


def _secondary_p_values(spec: ExperimentSpec, seen: Observations) -> dict[tuple[str, str], float]:
    """Return (metric, treatment) -> always-valid p-value, adjusted for the number of secondary metrics."""
    asked = [(metric.name, name) for metric in spec.secondary for name in spec.treatments]
    if not asked:
        return {}
    found = []
    for metric, name in asked:
        arms = seen.metrics.get(metric, {})
        if name not in arms or CONTROL not in arms:
            found.append(np.nan)
            continue
        told = Effect.relative(arms[name], arms[CONTROL])
        one_look = Effect(np.atleast_1d(told.estimate), np.atleast_1d(told.variance))
        found.append(float(always_valid_p_values(one_look, scale=spec.primary.minimum_effect)[-1]))
    adjusted = adjusted_p_values(np.array(found))
    return {key: float(chance) for key, chance in zip(asked, adjusted, strict=True)}
