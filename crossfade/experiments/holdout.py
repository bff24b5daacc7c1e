"""What taking part did: listeners who were held out of a layer's experiments against all others."""

import math
from typing import Any

import pyarrow as pa

from crossfade.experiments.history import Standing
from crossfade.experiments.metrics import moments
from crossfade.experiments.observed import listeners_between
from crossfade.experiments.participation import Participation
from crossfade.experiments.spec import Experiment, Metric
from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.sequential import always_valid
from crossfade.lake.lake import Lake
from crossfade.lake.own_ids import own_ids
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.user_keys import is_pseudonym

HELD_OUT, OTHERS = "held_out", "others"


def against_holdout(
    lake: Lake, experiment: Experiment, settings: LakeSettings, standing: Standing
) -> dict[str, Any]:
    """Compare all listeners of the time in which an experiment ran, from its beginning to its end or to the newest event.

    All count, whether they were shown anything or not, from their first act in that time on. Who is held out follows from their
    own ids, so it can be read as long as the events are there, long after the experiment has ended. It decides nothing.

    Returns:
        `users` ("held_out" and "others" -> how many) and `effects` (metric -> estimate, low and high of the relative effect of
        not being held out; None where nothing is known).

    Raises:
        InputError: Users stand under pseudonyms whose key is not at hand.
    """
    assert standing.began is not None
    acted = listeners_between(lake, settings, standing.began, standing.ended_at)
    arms = _split(lake, Participation(experiment), acted)
    spec = experiment.spec
    metrics = (spec.primary, *spec.guardrails, *spec.secondary)
    return {
        "users": {name: len(arm) for name, arm in arms.items()},
        "effects": {metric.name: _effect(experiment, metric, arms) for metric in metrics},
    }


def _split(lake: Lake, participation: Participation, acted: pa.Table) -> dict[str, pa.Table]:
    names = acted.column(c.USER_ID).to_pylist()
    owners = own_ids(lake, names)
    if unknown := next((name for name in names if is_pseudonym(owners[name])), None):
        raise InputError(
            f"{lake.path}: whose pseudonym {unknown} is cannot be told, so neither who was held out; the holdout needs the "
            "lake's key beside it or in the environment."
        )
    held = pa.array([participation.is_held_out(owners[name]) for name in names], pa.bool_())
    others = pa.array([not each for each in held.to_pylist()], pa.bool_())
    return {HELD_OUT: acted.filter(held), OTHERS: acted.filter(others)}


def _effect(experiment: Experiment, metric: Metric, arms: dict[str, pa.Table]) -> dict[str, float | None]:
    found = moments(metric.name, arms)
    if len(found) < len(arms):
        return dict.fromkeys(("estimate", "low", "high"))
    told, spec = Effect.relative(found[OTHERS], found[HELD_OUT]), experiment.spec
    low, high = always_valid(told, spec.stop.alpha, scale=spec.primary.minimum_effect)
    ends = {"estimate": float(told.estimate), "low": float(low), "high": float(high)}
    return {name: value if math.isfinite(value) else None for name, value in ends.items()}
