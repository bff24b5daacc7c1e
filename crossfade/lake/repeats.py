"""Rows of bronze that share an event id with one of some days, found in one pass over the ids of all of bronze.

Ids are compared as bronze has them. Those that differ by their users' pseudonyms alone are found, too, and told apart later.
"""

from datetime import timedelta
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake import silver
from crossfade.lake.days import UNTIMED, Days, with_day
from crossfade.lake.making import EVENTS_TABLE, Making
from crossfade.schema import columns as c

_AROUND: Final = (timedelta(days=-1), timedelta(), timedelta(days=1))


def repeats(making: Making, days: Days, name: str) -> ir.Table:
    """Return the ids on rows of some days that stand in several rows of bronze, wherever: event_id, day of each row.

    Args:
        making: New events are the reason for looking.
        days: Those around the days of new events cost nothing more, since they are looked at in any case.
        name: Of what is kept for the other days.
    """
    near, found = making.once("near", lambda: _near(making))
    return found.union(_repeats(making, days - near, name)) if days - near else found


def same_ids(making: Making, days: Days, name: str) -> ir.Table:
    """Return which rows repeat the event id of a row of some days, as `silver.ROW` (see `silver.same_ids`)."""
    found = repeats(making, days, name)
    rows = making.own(EVENTS_TABLE, making.days(found)).semi_join(found, c.EVENT_ID)
    return making.kept(f"{name}_same", silver.same_ids(making.named(EVENTS_TABLE, rows)))


def _near(making: Making) -> tuple[Days, ir.Table]:
    """Return the days of new events and the ones beside them, on which sessions go on, and what `_repeats` finds of these."""
    fresh = making.own_fresh(EVENTS_TABLE)
    days = frozenset() if fresh is None else making.days(fresh)
    near = frozenset(day + around for day in days - {UNTIMED} for around in _AROUND) | (days & {UNTIMED})
    return near, _repeats(making, near, "near")


def _repeats(making: Making, days: Days, name: str) -> ir.Table:
    ids = making.own(EVENTS_TABLE, days).select(c.EVENT_ID).distinct()
    everywhere = making.own(EVENTS_TABLE).select(c.EVENT_ID, c.TIMESTAMP)
    there = making.kept(f"{name}_ids", everywhere.semi_join(ids, c.EVENT_ID))
    numbers = there.group_by(c.EVENT_ID).agg(n=ibis._.count())
    several = there.semi_join(numbers.filter(numbers.n > 1), c.EVENT_ID)
    return making.kept(f"{name}_repeats", with_day(several).select(c.EVENT_ID, c.DAY).distinct())
