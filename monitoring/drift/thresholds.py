"""How far days stray without drift, and from where on straying is an alarm.

Season first: a day is held against the reference's profile of each weekday, and the nearest counts. So a holiday,
which is a Sunday on a
Wednesday, is near to something that the reference knows.

Windows without drift come from the reference itself: each of its weeks is left out in turn and held against the
others. That makes
one distance a day for every series, with all that makes days differ in it: chance, listeners who come and go, slow trends.

One day is judged over all series at once: each distance is studentised by those of the other days, and the largest of them is
the day's statistic (Westfall and Young 1993), so that the correction for many features knows how far they move
together. Distances
below the least change that is worth an alarm do not count. A new day passes the k-th largest statistic of r days
without drift with
probability k / (r + 1), whatever their distribution (conformal prediction: Vovk, Gammerman and Shafer 2005): that
gives the threshold.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.drift.distances import DISTANCES, Distance, Doubles
from monitoring.drift.measures import Kind
from monitoring.drift.series import WEEK_DAYS, Series

DAYS_PER_MONTH: Final = 30.4
LEAST_SCORE: Final = 3.0  # standard deviations; within them nothing is an alarm
LEAST_SCALE: Final = 0.5
FURTHEST: Final = (
    2.5  # standard deviations from the mean at which the furthest of some weeks' days is expected
)
# Least spread of a series' distances, as a share of the least change that is worth an alarm: what never moved has
# none of its own.
LEAST_SPREAD: Final = 0.1
# Least listens of a day, as a share of those of a usual one, at which its mix is judged; with fewer, the volume tells.
LEAST_DAY: Final = 0.25


@dataclass(frozen=True)
class Strays:
    """How far the days of one series are from the reference.

    Args:
        without_drift: [r] distance of each reference day from the other weeks, NaN where there is too little.
        later: [n] distance of each later day from the reference, likewise.
        nearest: [n] weekday of the reference that is nearest, Monday is 0.
    """

    without_drift: Doubles
    later: Doubles
    nearest: npt.NDArray[np.int64]


def strays(series: Series, weekdays: npt.NDArray[np.int64], num_reference: int) -> Strays:
    """Measure a series.

    Args:
        series: Of the reference's days, whole weeks, and those after them.
        weekdays: [d] of all days.
        num_reference: Days of the reference.
    """
    distance, counts = DISTANCES[series.measure.kind], judged_counts(series, num_reference)
    weeks = np.arange(num_reference) // WEEK_DAYS
    alone = np.empty(num_reference)
    for week in range(num_reference // WEEK_DAYS):
        out = np.flatnonzero(weeks == week)
        others = np.flatnonzero(weeks != week)
        alone[out] = _to_nearest(counts[out], profiles(counts[others], weekdays[others]), distance)[0]
    whole = profiles(counts[:num_reference], weekdays[:num_reference])
    later, nearest = _to_nearest(counts[num_reference:], whole, distance)
    return Strays(alone, later, nearest)


def profiles(counts: Doubles, weekdays: npt.NDArray[np.int64]) -> Doubles:
    """Return [7, b] mean counts of each weekday; days that are not judged do not count."""
    by_day = [counts[weekdays == weekday] for weekday in range(WEEK_DAYS)]
    means = [rows[~np.isnan(rows).any(axis=1)] for rows in by_day]
    return np.stack([rows.mean(axis=0) if len(rows) else np.full(counts.shape[1], np.nan) for rows in means])


def judged_counts(series: Series, num_reference: int) -> Doubles:
    """Return counts [d, b] with NaN in place of days that have too little to be judged.

    Args:
        series: Of the reference's days and those after them.
        num_reference: Days of the reference.
    """
    if series.measure.kind is Kind.VOLUME:
        return series.counts
    usual = np.median(series.totals[:num_reference])
    too_little = series.totals < max(LEAST_DAY * usual, 1)
    return np.where(too_little[:, None], np.nan, series.counts)


def _to_nearest(
    counts: Doubles, profile: Doubles, distance: Distance
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return [n] distance of each day to the nearest weekday's profile, and which that is."""
    each = distance(counts[:, None, :], profile[None, :, :])
    filled = np.where(np.isnan(each), np.inf, each)
    nearest = filled.argmin(axis=1) if len(filled) else np.zeros(0, np.int64)
    least = filled[np.arange(len(filled)), nearest]
    return np.where(np.isinf(least), np.nan, least), nearest


def studentised(found: Strays, least_change: float) -> tuple[Doubles, Doubles]:
    """Return scores: [r] of each reference day by the other ones, [n] of later days by all of them.

    A score is how much further than usual a day strayed, over the spread of days without drift: their standard deviation, or the
    furthest of them over `FURTHEST`, which tames series that now and then stray far.

    Args:
        found: Of one series.
        least_change: That is worth an alarm.
    """
    is_known = ~np.isnan(found.without_drift)
    known, least = found.without_drift[is_known], LEAST_SPREAD * least_change
    before = np.full(len(found.without_drift), np.nan)
    if len(known) < WEEK_DAYS:
        return before, np.full(len(found.later), np.nan)
    others = np.broadcast_to(known, (len(known), len(known)))[~np.eye(len(known), dtype=bool)]
    before[is_known] = _scores(known[:, None], others.reshape(len(known), -1), least)[:, 0]
    return before, np.asarray(_scores(found.later[None, :], known[None, :], least)[0])


def _scores(strayed: Doubles, usual: Doubles, least: float) -> Doubles:
    """Return scores of distances [n, m] by usual ones [n, r]."""
    mean, furthest = usual.mean(axis=1), usual.max(axis=1)
    spread = np.maximum(usual.std(axis=1, ddof=1), (furthest - mean) / FURTHEST)
    return np.asarray((strayed - mean[:, None]) / np.maximum(spread, least)[:, None])


def threshold(largest: Doubles, false_alarms_per_month: float) -> float:
    """Return the value that a day's largest score passes without drift as often as is allowed, at least `LEAST_SCORE`.

    Where fewer alarms are allowed than so few days can show, the largest of them is raised as a Gumbel distribution's tail rises.

    Args:
        largest: [r] largest score of each reference day, over all series that strayed by their least change; -inf for none.
        false_alarms_per_month: Allowed days with an alarm.
    """
    descending = np.sort(np.maximum(largest, LEAST_SCORE))[::-1]
    rank = false_alarms_per_month / DAYS_PER_MONTH * (len(descending) + 1)
    if rank >= 1 - 1 / DAYS_PER_MONTH:  # of four weeks and one alarm a month, the largest
        return float(np.interp(rank, np.arange(1, len(descending) + 1), descending))
    scale = max(descending.std(ddof=1) * math.sqrt(6) / math.pi, LEAST_SCALE)
    return float(descending[0] - scale * math.log(rank))


def tail_limit(largest: Doubles, false_alarms_per_month: float) -> float:
    """Return the same value as `threshold`, if what days are above their median by is exponential; never less than `LEAST_SCORE`.

    Peaks over a threshold (Pickands 1975), of shape 0. It rests on half of the days, where `threshold` rests on two of them and
    so is now and then far too low. That the mean of k peaks is itself an estimate is taken in: a new peak is over it by a
    Lomax distribution.

    Args:
        largest: As in `threshold`.
        false_alarms_per_month: Allowed days with an alarm.
    """
    descending = np.sort(np.maximum(largest, LEAST_SCORE))[::-1]
    above = descending[len(descending) // 2]
    peaks = descending[descending > above] - above
    share = (len(peaks) + 1) / (len(descending) + 1)
    rarer = share / (false_alarms_per_month / DAYS_PER_MONTH)
    if not len(peaks) or rarer <= 1:
        return float(above)
    return float(above + peaks.sum() * (rarer ** (1 / len(peaks)) - 1))
