"""What a report tells beyond the decision: quantiles, wear over days, the long term, interleaved slates.

None of it decides anything: intervals are for one look. Where the lake has too little, that is told with the reason.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.days import Days
from crossfade.experiments.metrics import METRICS
from crossfade.experiments.spec import ExperimentSpec
from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.interleaving import preference
from crossfade.experiments.statistics.long_term import SurrogateIndex, trend
from crossfade.experiments.statistics.moments import Doubles, Moments, linearised
from crossfade.experiments.statistics.quantiles import quantile_effect
from crossfade.experiments.statistics.sequential import LEAST_USERS
from crossfade.lake.days_since import DAILY
from crossfade.lake.participants import DAYS_ACTIVE, PLAYS, POSITIVES, SAVED, SESSIONS, SKIPS
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError

Told = dict[str, Any]

PARTS: Final = ("quantiles", "novelty", "long_term", "interleaving")
QUANTILES: Final = (0.5, 0.9, 0.99)
SURROGATES: Final = (PLAYS, POSITIVES, SKIPS, SAVED, SESSIONS, DAYS_ACTIVE)
SURROGATE_DAYS: Final = 14
RETURN_DAYS: Final = (30, 37)  # who listens in the week after thirty days has come back
MOST_DAYS: Final = 28  # that wear is looked for on


def quantiles(spec: ExperimentSpec, arms: Mapping[str, pa.Table]) -> Told:
    """Return metric -> treatment -> quantile -> difference in the metric's own unit; of means over users alone.

    Args:
        spec: Its metrics that are no ratios are told of.
        arms: Variant -> table of `participants.behaviour`.
    """
    found: Told = {}
    for each in (spec.primary, *spec.guardrails, *spec.secondary):
        if METRICS[each.name].per is None:
            values = {arm: _values(table, METRICS[each.name].counted) for arm, table in arms.items()}
            told = {name: _quantiles_of(values[name], values[CONTROL], spec) for name in spec.treatments}
            found |= {each.name: told} if any(told.values()) else {}
    return found or {
        "missing": "No metric of the manifest is a count for each user with enough users of both sides."
    }


def _quantiles_of(treatment: Doubles, control: Doubles, spec: ExperimentSpec) -> Told:
    told = {}
    for quantile in QUANTILES:
        try:
            told[f"{quantile:g}"] = _ranged(quantile_effect(treatment, control, quantile), spec)
        except InputError:
            continue  # too few users for this one
    return told


def novelty(spec: ExperimentSpec, days: Days) -> Told:
    """Return treatment -> effect on the primary metric on each day since first exposure, and how it changes from day to day.

    A user counts on the days that are over. An effect that wears off has a trend whose interval is wholly on the other side of
    nothing than the effect.

    Args:
        spec: Its primary metric is told of.
        days: Of the experiment's users.
    """
    metric = METRICS[spec.primary.name]
    if metric.counted not in (*DAILY, DAYS_ACTIVE):
        return {"missing": f"{spec.primary.name} has no value on a single day."}
    arms = {name: _by_day(days.of(name), metric.counted, metric.per) for name in (CONTROL, *spec.treatments)}
    found = {name: _wear(arms[name], arms[CONTROL], spec) for name in spec.treatments}
    return (
        found
        if all(found.values())
        else {"missing": "Fewer than three days are over for enough users of both sides."}
    )


def _by_day(days: Days, counted: str, per: str | None) -> Iterator[Moments]:
    """Yield the moments of each day until too few users have lived it through, or nobody did anything."""
    known, sums = days.whole_days(), days.counts(counted, MOST_DAYS)
    below = days.counts(per, MOST_DAYS) if per else np.ones_like(sums)
    for day in range(MOST_DAYS):
        there = known > day
        if there.sum() < LEAST_USERS or not below[there, day].any():
            return
        yield linearised(sums[there, day], below[there, day])


def _wear(treatment: Iterator[Moments], control: Iterator[Moments], spec: ExperimentSpec) -> Told:
    daily = [Effect.relative(*pair) for pair in zip(treatment, control, strict=False)]
    daily = [each for each in daily if each.variance > 0]
    if len(daily) < 3:
        return {}
    whole = Effect(np.array([e.estimate for e in daily]), np.array([e.variance for e in daily]))
    return {"days": [_ranged(each, spec) for each in daily], "trend": _ranged(trend(whole), spec)}


def long_term(spec: ExperimentSpec, days: Days, past: Days) -> Told:
    """Return what the first two weeks of users let expect of their coming back after thirty days.

    Args:
        spec: Its treatments are told of.
        days: Of the experiment's users.
        past: Of users of the time before the experiment, all of whose `RETURN_DAYS` are over.

    Returns:
        `explained` (share of the variance of coming back that the index explains), `users` it was learnt from, and `effects`:
        treatment -> difference in the share of users who come back.
    """
    if len(past.users) < LEAST_USERS:
        return {
            "missing": f"{len(past.users)} users of before were seen for {RETURN_DAYS[1]} days; {LEAST_USERS} are needed."
        }
    arms = {name: _surrogates(days.of(name)) for name in (CONTROL, *spec.treatments)}
    if min(map(len, arms.values())) < LEAST_USERS:
        return {
            "missing": f"Too few users were first shown it {SURROGATE_DAYS} days ago; {LEAST_USERS} of each variant are needed."
        }
    came_back = np.asarray(past.counts(PLAYS, RETURN_DAYS[1])[:, RETURN_DAYS[0] :].any(axis=1), np.float64)
    index = SurrogateIndex.fit(_surrogates(past), came_back)
    effects = {name: _ranged(index.effect(arms[name], arms[CONTROL]), spec) for name in spec.treatments}
    return {"explained": index.explained, "users": len(came_back), "effects": effects}


def _surrogates(days: Days) -> Doubles:
    """Return [num_users, num_surrogates] sums over the first two weeks of the users who have lived them through."""
    there = days.whole_days() >= SURROGATE_DAYS
    return np.column_stack([days.counts(name, SURROGATE_DAYS).sum(axis=1)[there] for name in SURROGATES])


def interleaving(spec: ExperimentSpec, picks: pa.Table) -> Told:
    """Return treatment -> share of users who played more of its picks than of control's in interleaved slates, and the p-value.

    Args:
        spec: Its treatments are told of.
        picks: Of `days_since.picks_played`.
    """
    found = {}
    for name in spec.treatments:
        mine, theirs = (_plays_by_user(picks, each) for each in (name, CONTROL))
        both = sorted(mine.keys() & theirs.keys())
        if both:
            first, second = (np.array([plays[user] for user in both], np.int64) for plays in (theirs, mine))
            share, chance = preference(first, second)
            found[name] = {"users": len(both), "prefer": share, "p_value": chance}
    return found or {"missing": "No slate has places of control and of a treatment side by side."}


def _plays_by_user(picks: pa.Table, variant: str) -> dict[str, int]:
    mine = picks.filter(pc.equal(picks.column(c.VARIANT), variant))
    return dict(zip(mine.column(c.USER_ID).to_pylist(), mine.column(PLAYS).to_pylist(), strict=True))


def _values(table: pa.Table, name: str) -> Doubles:
    return np.asarray(table.column(name).to_numpy(), np.float64)


def _ranged(effect: Effect, spec: ExperimentSpec) -> dict[str, float]:
    low, high = effect.interval(spec.stop.alpha)
    return {"estimate": float(effect.estimate), "low": float(low), "high": float(high)}
