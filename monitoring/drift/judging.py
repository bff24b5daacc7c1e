"""Decides which series have drifted, for whom and since when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from crossfade.schema.errors import InputError
from crossfade.schema.monitoring_settings import DriftSettings
from monitoring.drift.distances import Doubles
from monitoring.drift.expected import fitted, levelled
from monitoring.drift.measures import COHORT, EVERYBODY, ONE_OF, SUMMED, UNSEEN, Kind
from monitoring.drift.moved import Moved, told, with_cohorts
from monitoring.drift.series import Series, one_category, unseen, weekdays
from monitoring.drift.thresholds import Strays, strays, studentised, tail_limit, threshold


@dataclass(frozen=True)
class Verdict:
    """All days after the reference, judged.

    Args:
        days: n days, ISO 8601.
        threshold: Of a day's largest score.
        moved: What has drifted on the last day, the furthest first.
        alarms: For each day how many series strayed.
        scores: {"measure, group": n scores}, NaN where there was too little to judge.
        distances: {"measure, group": n distances}.
        without_drift: {"measure, group": largest distance among days of the reference}.
        num_series: How many were judged together.
        strayed: {"measure, group": days, ISO 8601} of those that strayed on any.
    """

    days: list[str]
    threshold: float
    moved: list[Moved]
    alarms: list[int]
    scores: dict[str, list[float]]
    distances: dict[str, list[float]]
    without_drift: dict[str, float]
    num_series: int
    strayed: dict[str, list[str]]

    def ratios(self) -> dict[str, float]:
        """Return for each measure how near its furthest group came to an alarm on the last day; from 1 on it is one."""
        most: dict[str, float] = {}
        for key, scores in self.scores.items():
            if scores and not np.isnan(scores[-1]):
                measure = key.partition(", ")[0]
                most[measure] = max(most.get(measure, 0.0), min(scores[-1] / self.threshold, 1 - 1e-6))
        for each in self.moved:
            most[each.measure] = max(most[each.measure], each.score / self.threshold)
        return most

    def as_json(self) -> dict[str, Any]:
        """Return JSON-able values; NaN is null."""
        told = asdict(self)
        for name in ("scores", "distances"):
            told[name] = {
                key: [None if np.isnan(each) else each for each in row] for key, row in told[name].items()
            }
        return told


def least_change(kind: Kind, settings: DriftSettings) -> float:
    """Return the least distance of a kind that is worth an alarm."""
    return {
        Kind.MIX: settings.min_mix,
        Kind.SHARE: settings.min_rate,
        Kind.NUMBER: settings.min_shift,
        Kind.RATE: settings.min_rate,
        Kind.VOLUME: settings.min_volume,
        Kind.DIRECTION: settings.min_direction,
        Kind.LOSS: settings.min_loss,
        Kind.LEVEL: settings.min_level,
    }[kind]


def judge(
    series: Sequence[Series], days: Sequence[date], num_reference: int, settings: DriftSettings
) -> Verdict:
    """Judge the days after the reference.

    Args:
        series: Of all days; those with too little in the reference are left out, and those of cohorts say who moved.
        days: d days, ascending, without a gap.
        num_reference: The first of them, whole weeks.
        settings: Least changes, least listens, and the false alarms that are allowed.

    Raises:
        InputError: No series has enough in the reference.
    """
    kept = _kept(series, num_reference, settings)
    if not kept:
        raise InputError(
            f"Nobody can tell drift: on half of the days until {days[num_reference - 1]} there were fewer than "
            f"drift.min_listens={settings.min_listens} listens; set it lower, or wait for a champion that learnt from more."
        )
    of_week, later = weekdays(list(days)), list(days[num_reference:])
    found, scores, strayed, limit = _scored(kept, of_week, num_reference, settings)
    cohorts = _of_cohorts(series, num_reference)
    moved = [
        with_cohorts(
            told(each, num_reference, of_week, later, distances=some.later, scores=score, strayed=stray),
            cohorts,
            of_week,
            num_reference,
        )
        for each, some, score, stray in zip(kept, found, scores, strayed, strict=True)
        if len(stray) and stray[-1]
    ]
    names = [f"{each.measure.name}, {each.group}" for each in kept]
    dates = [day.isoformat() for day in later]
    on_days = zip(names, (np.flatnonzero(stray) for stray in strayed), strict=True)
    return Verdict(
        dates,
        limit,
        sorted(moved, key=lambda one: -one.score),
        np.sum(strayed, axis=0).tolist() if len(later) else [],
        dict(zip(names, (score.tolist() for score in scores), strict=True)),
        dict(zip(names, (some.later.tolist() for some in found), strict=True)),
        dict(zip(names, (float(np.nanmax(some.without_drift)) for some in found), strict=True)),
        len(kept),
        {name: [dates[place] for place in places] for name, places in on_days if len(places)},
    )


def _scored(
    kept: Sequence[Series], of_week: npt.NDArray[np.int64], num_reference: int, settings: DriftSettings
) -> tuple[list[Strays], list[Doubles], list[npt.NDArray[np.bool_]], float]:
    """Return of each series how far its days are off, their scores [n] and which are alarms [n]; and the threshold of all."""
    found = [strays(each, of_week, num_reference) for each in kept]
    least = [least_change(each.measure.kind, settings) for each in kept]
    parts = fitted(kept, of_week, num_reference)
    level = [levelled(some, each, parts, num_reference) for some, each in zip(found, kept, strict=True)]
    scored = [studentised(some, change) for some, change in zip(level, least, strict=True)]
    strayed_before = [
        np.where(some.without_drift >= change, before, -np.inf)
        for (before, _), some, change in zip(scored, found, least, strict=True)
    ]
    largest = np.stack(strayed_before).max(axis=0)
    limit = max(estimate(largest, settings.false_alarms_per_month) for estimate in (threshold, tail_limit))
    scores = [after for _, after in scored]
    strayed = [
        (score > limit) & (some.later >= change)
        for score, some, change in zip(scores, found, least, strict=True)
    ]
    return found, scores, strayed, limit


def _of_cohorts(series: Sequence[Series], num_reference: int) -> list[Series]:
    """Return the series of cohorts, which tell who moved in what moved for everybody."""
    counted = [each for each in series if each.group.startswith(COHORT)]
    one = [one_category(each.settled(num_reference)) for each in counted if each.measure.name in ONE_OF]
    return [*counted, *one]


def _kept(series: Sequence[Series], num_reference: int, settings: DriftSettings) -> list[Series]:
    """Return the series to judge together: those of enough listens, and what is looked at of their mixes besides."""
    judged = [each for each in series if not each.group.startswith(COHORT)]
    enough = [each for each in judged if _is_enough(each, num_reference, settings)]
    settled = [each.settled(num_reference) for each in enough]
    # Of everybody alone: in a small group rare things are news again and again.
    mixes = [each for each in enough if each.measure.name in UNSEEN and each.group == EVERYBODY]
    one = [one_category(each) for each in settled if each.measure.name in ONE_OF]
    return [*settled, *(unseen(each, num_reference) for each in mixes), *one]


def _is_enough(series: Series, num_reference: int, settings: DriftSettings) -> bool:
    totals = series.totals[:num_reference]
    if series.measure.kind in SUMMED:
        return bool(np.median(totals) >= 1)
    return bool(np.median(totals) >= settings.min_listens)
