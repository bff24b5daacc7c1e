"""How far a day is expected to stray without drift: the less was counted on it, and the longer ago the reference, the further.

Days after the reference are not quite like days of it. A quiet day strays further than a busy one, since chance moves few
listens more; and what
wanders slowly (catalogue, habits, who is there) has wandered further from the weeks of the reference than these from each
other. Both would be false alarms. So a squared distance is expected to be the sum of three parts, each at least 0:

- what days differ by, all together, whatever their size;
- chance, in proportion to 1 / size of the day;
- a random walk, in proportion to the weeks between (the local level model of Harvey 1989; its variance between two weeks is
  Matheron's variogram of 1963, a line).

How large each is, is estimated for each kind of measure over all of its series at once, by non-negative least squares, from the
distances of each day of the reference to each single other week of it: one series alone has far too few days to tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from monitoring.drift.distances import DISTANCES, Doubles
from monitoring.drift.measures import Kind
from monitoring.drift.series import WEEK_DAYS, Series
from monitoring.drift.thresholds import Strays, judged_counts, profiles

NUM_PARTS: Final = 3


@dataclass(frozen=True)
class Parts:
    """What a squared distance is made of, in any unit that is the same for the three.

    Args:
        common: Of each of the days that are compared.
        chance: ... of a usual size; others have it over their size.
        walk: Of each week between them.
    """

    common: float
    chance: float
    walk: float

    def squared(self, sizes: Doubles, wandered: Doubles, num_weeks: int) -> Doubles:
        """Return the expected squared distance of days from the mean of some weeks.

        Args:
            sizes: [n] of the days, over the usual one.
            wandered: [n] weeks that a walk has gone from the mean of these weeks, as `wandered` has it.
            num_weeks: In that mean, whose own days stray less.
        """
        own = self.common + self.chance / sizes
        return np.asarray(own + (self.common + self.chance) / num_weeks + self.walk * wandered)


def fitted(
    series: Sequence[Series], weekdays: npt.NDArray[np.int64], num_reference: int
) -> dict[Kind, Parts]:
    """Estimate the parts of each kind; none for a kind whose days never differ.

    Args:
        series: All that are judged.
        weekdays: [d] of all days.
        num_reference: Days of the reference.
    """
    found: dict[Kind, list[Doubles]] = {}
    for each in series:
        rows = _rows(each, weekdays, num_reference)
        if len(rows):
            found.setdefault(each.measure.kind, []).append(rows)
    return {kind: _parts(np.concatenate(rows)) for kind, rows in found.items()}


def levelled(found: Strays, series: Series, parts: Mapping[Kind, Parts], num_reference: int) -> Strays:
    """Return distances over what is expected of their days, in units of a usual day of the reference.

    Args:
        found: Distances of a series.
        series: Of all days.
        parts: As `fitted`; where the kind has none, distances are returned as they are.
        num_reference: Days of the reference.
    """
    known = parts.get(series.measure.kind)
    if known is None or series.is_resampled:
        return found
    num_weeks = num_reference // WEEK_DAYS
    weeks = np.arange(len(series.counts)) // WEEK_DAYS
    sizes, reference = _sizes(series, num_reference), np.arange(num_weeks)
    alone = np.concatenate(
        [
            known.squared(
                sizes[weeks == week],
                wandered(weeks[weeks == week], np.delete(reference, week)),
                num_weeks - 1,
            )
            for week in reference
        ]
    )
    later = known.squared(sizes[num_reference:], wandered(weeks[num_reference:], reference), num_weeks)
    usual = alone.mean()
    return replace(
        found,
        without_drift=found.without_drift / np.sqrt(alone / usual),
        later=found.later / np.sqrt(later / usual),
    )


def wandered(weeks: npt.NDArray[np.int64], reference: npt.NDArray[np.int64]) -> Doubles:
    """Return [n] variance of a random walk of one a week, between each week and the mean of those of the reference."""
    away = np.abs(weeks[:, None] - reference).mean(axis=1)
    return np.asarray(away - np.abs(reference[:, None] - reference).mean() / 2)


def _sizes(series: Series, num_reference: int) -> Doubles:
    """Return [d] sizes of days over the usual one; of a volume, which is a size itself, they are all alike."""
    if series.measure.kind is Kind.VOLUME:
        return np.ones(len(series.counts))
    return np.asarray(np.maximum(series.totals, 1) / max(series.totals[:num_reference].mean(), 1))


def _rows(series: Series, weekdays: npt.NDArray[np.int64], num_reference: int) -> Doubles:
    """Return [m, 4]: the three parts of each pair of a day and another week, and its squared distance over the mean one."""
    if series.is_resampled:  # its weeks are none
        return np.empty((0, NUM_PARTS + 1))
    counts, weeks = (
        judged_counts(series, num_reference)[:num_reference],
        np.arange(num_reference) // WEEK_DAYS,
    )
    num_weeks, of_week = num_reference // WEEK_DAYS, weekdays[:num_reference]
    single = np.stack([profiles(counts[weeks == week], of_week[weeks == week]) for week in range(num_weeks)])
    each = DISTANCES[series.measure.kind](counts[:, None, None, :], single[None])
    squared = np.where(np.isnan(each), np.inf, each).min(axis=2) ** 2
    between = np.abs(weeks[:, None] - np.arange(num_weeks)).astype(float)
    is_pair = (between > 0) & np.isfinite(squared)
    mean = squared[is_pair].mean() if is_pair.any() else 0.0
    if not mean:
        return np.empty((0, NUM_PARTS + 1))
    inverse = 1 / _sizes(series, num_reference)[:num_reference]
    chance = inverse[:, None] + inverse.reshape(num_weeks, WEEK_DAYS).mean(axis=1)
    parts = [np.full(is_pair.sum(), 2.0), chance[is_pair], between[is_pair], squared[is_pair] / mean]
    return np.column_stack(parts)


def _parts(rows: Doubles) -> Parts:
    found, _ = nnls(rows[:, :NUM_PARTS], rows[:, NUM_PARTS])
    return Parts(*found.tolist())
