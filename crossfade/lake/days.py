"""UTC days as the lake counts them: the unit in which tables are replaced."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.composing import composed
from crossfade.lake.portable import instant
from crossfade.schema import columns as c

UNTIMED: Final = date.min  # the day of what has no time
Days = frozenset[date]


def day_of(moment: ir.TimestampValue | ir.DateValue) -> ir.DateValue:
    """Return the day of a moment (or day); `UNTIMED` where there is none."""
    return moment.cast("date").coalesce(ibis.literal(UNTIMED))


@composed
def with_day(rows: ir.Table) -> ir.Table:
    """Add `day`, that of `timestamp`."""
    return rows.mutate(**{c.DAY: day_of(rows[c.TIMESTAMP])})


def within(rows: ir.Table, days: Iterable[date], time: str = c.TIMESTAMP) -> ir.Table:
    """Return the rows of some days, in a form that lets an engine skip files of others.

    Args:
        rows: With a column of moments or of days.
        days: Which, in any order.
        time: The column's name; of days, there is no untimed one.
    """
    return rows.filter(_is_within(rows[time], days))


def outside(rows: ir.Table, days: Iterable[date], time: str = c.TIMESTAMP) -> ir.Table:
    """Return the other rows than `within`."""
    return rows.filter(~_is_within(rows[time], days).fill_null(False))


def _is_within(column: ir.TimestampColumn | ir.DateColumn, days: Iterable[date]) -> ir.BooleanValue:
    condition: ir.BooleanValue = ibis.literal(False)
    for first, end in _stretches(days):
        if first == UNTIMED:
            condition |= column.isnull()
        elif column.type().is_date():
            condition |= (column >= ibis.literal(first)) & (column < ibis.literal(end))
        else:
            condition |= (column >= midnight(first)) & (column < midnight(end))
    return condition


def midnight(day: date) -> ir.TimestampScalar:
    """Return the moment at which a day begins."""
    return instant(datetime(day.year, day.month, day.day, tzinfo=UTC))


def predicate(days: Iterable[date], time: str, *, is_date: bool) -> str:
    """Return the same condition as Delta's writer reads it."""
    cast = "DATE '{}'" if is_date else "'{}T00:00:00Z'"
    parts = [
        f"{time} IS NULL"
        if first == UNTIMED
        else f"({time} >= {cast.format(first)} AND {time} < {cast.format(end)})"
        for first, end in _stretches(days)
    ]
    return " OR ".join(parts) or "false"


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield the days from a first to a last one."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _stretches(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Yield first day and the day after the last of each run of days; `UNTIMED` is a run of its own."""
    first = end = None
    for day in sorted(days):
        if end is not None and first is not None and (day != end or first == UNTIMED):
            yield first, end
            first = None
        first, end = first or day, day + timedelta(days=1)
    if first is not None and end is not None:
        yield first, end


def as_note(days: Iterable[date]) -> str:
    """Return days as a commit keeps them."""
    return json.dumps([day.isoformat() for day in sorted(days)])


def from_note(note: str) -> Days:
    """Return what `as_note` was given."""
    return frozenset(date.fromisoformat(day) for day in json.loads(note))
