"""Rows of bronze that share an event id with one of some days, found in one pass over the ids of all of bronze.

Ids are compared as bronze has them. Those that differ by their users' pseudonyms alone are found, too, and told apart later.
"""

import ibis
import ibis.expr.types as ir

from crossfade.lake import silver
from crossfade.lake.days import Days, with_day
from crossfade.lake.making import EVENTS_TABLE, Making
from crossfade.schema import columns as c


def repeats(making: Making, days: Days, name: str) -> ir.Table:
    """Return the ids on rows of some days that stand in several rows of bronze, wherever: event_id, day of each row.

    Args:
        making: New events are the reason for looking.
        days: Those around the days of new events cost nothing more, since they are looked at in any case.
        name: Of what is kept for the other days.
    """
    near = making.near_days()
    found = making.once("near_repeats", lambda: _repeats(making, near, "near"))
    return found.union(_repeats(making, days - near, name)) if days - near else found


def same_ids(making: Making, days: Days, name: str) -> ir.Table:
    """Return which rows repeat the event id of a row of some days, as `silver.ROW` (see `silver.same_ids`)."""
    of = name if days - making.near_days() else "near"  # then it is the same for all of these
    return making.once(f"{of}_same", lambda: _same_ids(making, days, of))


def _same_ids(making: Making, days: Days, name: str) -> ir.Table:
    found = repeats(making, days, name)
    their = making.days(found)
    rows = making.own(EVENTS_TABLE, their).semi_join(found, c.EVENT_ID)
    return making.kept(f"{name}_same", silver.same_ids(making.named(EVENTS_TABLE, rows, their)))


def _repeats(making: Making, days: Days, name: str) -> ir.Table:
    ids = making.own(EVENTS_TABLE, days).select(c.EVENT_ID)
    everywhere = making.own(EVENTS_TABLE).select(c.EVENT_ID, c.TIMESTAMP)
    there = making.kept(f"{name}_ids", everywhere.semi_join(ids, c.EVENT_ID))
    numbers = there.group_by(c.EVENT_ID).agg(n=ibis._.count())
    several = there.semi_join(numbers.filter(numbers.n > 1), c.EVENT_ID)
    return making.kept(f"{name}_repeats", with_day(several).select(c.EVENT_ID, c.DAY).distinct())
