"""What is told of a series that has drifted: for whom, since when, how far and in what."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.drift.distances import Doubles, stability_index, wasserstein
from monitoring.drift.measures import COHORT, EVERYBODY, Kind
from monitoring.drift.series import Series
from monitoring.drift.thresholds import profiles, strays

FEW: Final = 5  # bins that are named as what moved most


@dataclass(frozen=True)
class Moved:
    """One measure of one group that has drifted on the last day.

    Args:
        measure: Its name.
        group: Of whom.
        kind: How it was compared.
        since: First day of the days without a break on which it strayed, ISO 8601.
        distance: From the nearest weekday of the reference; its kind says of which scale.
        score: Distance in standard deviations of days without drift.
        psi: Population stability index of mixes, shares, numbers and rates, else None.
        wasserstein: Earth mover's distance of numbers in bins, else None.
        bins: {bin: (share in the reference, share now)} of those that moved most; of counts and means, the value itself.
        by_cohort: {cohort: distance} of the same measure on the last day, of what moved for everybody. They only say who moved: a
            cohort of few has a day on which one odd account counts for much, so that judging them would blunt all thresholds.
    """

    measure: str
    group: str
    kind: str
    since: str
    distance: float
    score: float
    psi: float | None
    wasserstein: float | None
    bins: dict[str, tuple[float, float]]
    by_cohort: dict[str, float] = field(default_factory=dict)


def told(
    series: Series,
    num_reference: int,
    of_week: npt.NDArray[np.int64],
    later: list[date],
    *,
    distances: Doubles,
    scores: Doubles,
    strayed: npt.NDArray[np.bool_],
) -> Moved:
    """Tell of a series that strayed on the last day: since when, how far and in what.

    Args:
        series: Of the days of the reference and those after it.
        num_reference: The first days.
        of_week: [d] weekdays of all days.
        later: n days after the reference.
        distances: [n] of these days.
        scores: [n] likewise.
        strayed: [n] which of them were alarms.
    """
    still = int(np.argmin(strayed[::-1])) if not strayed.all() else len(strayed)
    before = profiles(series.counts[:num_reference], of_week[:num_reference])
    now, kind = series.counts[-1], series.measure.kind
    then = np.nanmean(before, axis=0)
    binned = kind in (Kind.MIX, Kind.SHARE, Kind.NUMBER, Kind.RATE)
    return Moved(
        measure=series.measure.name,
        group=series.group,
        kind=str(kind),
        since=later[len(later) - still].isoformat(),
        distance=float(distances[-1]),
        score=float(scores[-1]),
        psi=float(stability_index(now, then)) if binned else None,
        wasserstein=float(wasserstein(now, then)) if kind is Kind.NUMBER else None,
        bins=_bins(series, now, then),
    )


def with_cohorts(
    moved: Moved, cohorts: Sequence[Series], of_week: npt.NDArray[np.int64], num_reference: int
) -> Moved:
    """Return what moved for everybody with how far each cohort moved in it.

    Args:
        moved: On the last day; what moved for one group only is returned as it is.
        cohorts: Series of cohorts, of any measures.
        of_week: [d] weekdays of all days.
        num_reference: The first days, of the reference.
    """
    if moved.group != EVERYBODY:
        return moved
    found = {}
    for series in cohorts:
        if series.measure.name == moved.measure and series.totals[:num_reference].any():
            last = strays(series.settled(num_reference), of_week, num_reference).later[-1]
            if not np.isnan(last):
                found[series.group.removeprefix(COHORT).strip()] = float(last)
    return replace(moved, by_cohort=found)


def _bins(series: Series, now: Doubles, then: Doubles) -> dict[str, tuple[float, float]]:
    kind = series.measure.kind
    if kind is Kind.DIRECTION:
        return {}
    if kind in (Kind.LOSS, Kind.LEVEL):
        return {series.measure.name: (float(then[1] / then[0]), float(now[1] / now[0]))}
    if kind is Kind.VOLUME:
        return {series.measure.name: (float(then[0]), float(now[0]))}
    before, after = then / then.sum(), now / now.sum()
    most = np.argsort(-np.abs(after - before), kind="stable")[:FEW]
    names = bin_names(series)
    return {names[place]: (float(before[place]), float(after[place])) for place in most}


def bin_names(series: Series) -> Sequence[str]:
    """Return how people read the bins: numbers as ranges, rates as no and yes."""
    if series.measure.kind is Kind.RATE:
        return ("no", "yes")
    if series.measure.kind is not Kind.NUMBER:
        return series.bins
    edges = [f"{edge:g}" for edge in series.measure.edges]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"from {edges[-1]}"]
