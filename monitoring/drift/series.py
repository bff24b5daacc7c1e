"""A measure of one group over days: what is compared, whoever counted it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from monitoring.drift.distances import Doubles
from monitoring.drift.measures import ONE_OF, SUMMED, UNSEEN, Kind, Measure

NEW: Final = "(new)"
REST: Final = "(rest)"
REST_SHARE: Final = 0.005  # categories below this share of the reference are looked at together
WEEK_DAYS: Final = 7


@dataclass(frozen=True)
class Series:
    """One measure of one group.

    Args:
        measure: What.
        group: Of whom, for example "everybody" or "country BR".
        bins: b names of what is counted.
        counts: [d, b] float64, a row a day, no day left out.
        is_resampled: Whether days of the reference are drawn from few, so that their order says nothing.
    """

    measure: Measure
    group: str
    bins: tuple[str, ...]
    counts: Doubles
    is_resampled: bool = False

    @property
    def totals(self) -> Doubles:
        """[d] what stands behind each day."""
        if self.measure.kind in SUMMED:
            return self.counts[:, 0]
        return np.asarray(self.counts.sum(axis=1))

    def settled(self, num_reference: int) -> "Series":
        """Return a mix whose bins are those of the reference: rare ones together, and in one bin what it does not know.

        Args:
            num_reference: The first days, of the reference.
        """
        if self.measure.kind is not Kind.MIX:
            return self
        before = self.counts[:num_reference].sum(axis=0)
        share = before / max(before.sum(), 1)
        kept, is_new = share >= REST_SHARE, before == 0
        rare = ~kept & ~is_new
        counts = np.column_stack(
            [self.counts[:, kept], self.counts[:, rare].sum(axis=1), self.counts[:, is_new].sum(axis=1)]
        )
        names = tuple(name for name, is_kept in zip(self.bins, kept, strict=True) if is_kept)
        return replace(self, bins=(*names, REST, NEW), counts=counts)


def one_category(settled: Series) -> Series:
    """Return a mix to be judged by its one category that moved most; what the reference lacks has no part in it.

    In a reference that has none of it, any share at all of something new would be a change; `unseen` looks at that.

    Args:
        settled: A mix of `ONE_OF`, with the bins of the reference.
    """
    bins, counts = settled.bins[:-1], settled.counts[:, :-1]  # all but NEW
    return Series(ONE_OF[settled.measure.name], settled.group, bins, counts)


def unseen(series: Series, num_reference: int) -> Series:
    """Return how much of a mix on each day is in bins that the reference lacks; its own weeks are asked by the other weeks.

    Args:
        series: A mix that is not settled yet.
        num_reference: The first days, of the reference, whole weeks.
    """
    counts, weeks = series.counts, np.arange(len(series.counts)) // WEEK_DAYS
    by_week = np.stack(
        [
            counts[:num_reference][weeks[:num_reference] == week].sum(axis=0)
            for week in range(num_reference // WEEK_DAYS)
        ]
    )
    whole = by_week.sum(axis=0)
    known = np.where(
        np.arange(len(counts))[:, None] < num_reference,
        whole - by_week[np.minimum(weeks, len(by_week) - 1)],
        whole,
    )
    new = np.where(known == 0, counts, 0).sum(axis=1)
    return Series(
        UNSEEN[series.measure.name],
        series.group,
        ("False", "True"),
        np.column_stack([series.totals - new, new]),
    )


class Cell(NamedTuple):
    """One number that was counted."""

    day: date
    group: str
    bin: str | int | bool
    number: float


def series_of(measure: Measure, cells: Iterable[Cell], days: list[date]) -> list[Series]:
    """Return a series for each group of some cells, by the group's name.

    Args:
        measure: What was counted.
        cells: In any order; what is not there is 0.
        days: All days, ascending.
    """
    of_group: dict[str, list[Cell]] = {}
    for cell in cells:
        of_group.setdefault(cell.group, []).append(cell)
    return [_series(measure, group, of_group[group], days) for group in sorted(of_group)]


def _series(measure: Measure, group: str, cells: list[Cell], days: list[date]) -> Series:
    bins = _bins(measure, cells)
    place = {name: number for number, name in enumerate(bins)}
    row = {day: number for number, day in enumerate(days)}
    counts = np.zeros((len(days), len(bins)))
    for cell in cells:
        if cell.day in row:
            counts[row[cell.day], place[str(cell.bin)]] += cell.number
    return Series(measure, group, bins, counts)


def _bins(measure: Measure, cells: list[Cell]) -> tuple[str, ...]:
    if measure.kind is Kind.NUMBER:
        return tuple(str(number) for number in range(len(measure.edges) + 1))
    if measure.kind is Kind.RATE:
        return ("False", "True")
    return tuple(sorted({str(cell.bin) for cell in cells}))


def weekdays(days: list[date]) -> npt.NDArray[np.int64]:
    """Return [d] weekdays, Monday is 0."""
    return np.array([day.weekday() for day in days], np.int64)


def days_from(first: date, number: int) -> list[date]:
    """Return so many days from a first one on."""
    return [first + timedelta(days=place) for place in range(number)]


def joined(before: Mapping[tuple[str, str], Series], after: Mapping[tuple[str, str], Series]) -> list[Series]:
    """Put the days of two counts after each other; a group that one of them lacks counts nothing there.

    Args:
        before: Series by measure and group, all of equally many days.
        after: Likewise, of the days that follow.
    """
    lengths = [len(next(iter(part.values())).counts) if part else 0 for part in (before, after)]
    found = []
    for key in sorted({*before, *after}):
        some = before.get(key) or after[key]
        bins = tuple(
            dict.fromkeys(name for part in (before, after) if key in part for name in part[key].bins)
        )
        parts = [
            _spread(part.get(key), bins, length)
            for part, length in zip((before, after), lengths, strict=True)
        ]
        found.append(Series(some.measure, some.group, bins, np.concatenate(parts)))
    return found


def _spread(series: Series | None, bins: tuple[str, ...], num_days: int) -> Doubles:
    counts = np.zeros((num_days, len(bins)))
    if series is not None:
        counts[:, [bins.index(name) for name in series.bins]] = series.counts
    return counts
