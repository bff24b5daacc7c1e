"""Which days' sessions new events re-open, looking at no more of silver than where a session may reach into a touched day."""

import math
from datetime import date, timedelta
from typing import Final

import ibis.expr.types as ir

from crossfade.lake import reopened
from crossfade.lake.days import UNTIMED, Days, days_between
from crossfade.lake.making import EVENTS_TABLE, SILVER_EVENTS, Making
from crossfade.schema import columns as c

MINUTES_PER_DAY: Final = 24 * 60
_DAY: Final = timedelta(days=1)


def stretches_of(making: Making, cells: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return the stretches of touched cells (see `reopened.stretches`), and the cells that have to be written.

    Args:
        making: Of silver's events.
        cells: `reopened.CELL`.
    """
    spans = making.kept("spans", reopened.spans(cells))
    least = frozenset(making.session.rows(spans.select("least").distinct()).column("least").to_pylist())
    later = making.later(SILVER_EVENTS, min(least, default=date.max), c.TIMESTAMP)
    behind = making.kept("behind", reopened.behind(cells, later))
    starts = _starts(making, spans, least)
    stretches = making.kept("stretches", reopened.stretches(spans, starts, behind))
    written = cells.union(reopened.reached(later, behind), distinct=True)
    return stretches, making.kept("written", written)


def days_of(making: Making, stretches: ir.Table, written: Days) -> Days:
    """Return the days of stretches, up to the last one that is written, and the untimed one if that is."""
    pairs = making.session.rows(stretches.select("first_day", "last_day").distinct())
    newest = max(written, default=UNTIMED)
    found = {
        day
        for first, last in zip(*(column.to_pylist() for column in pairs.columns), strict=True)
        for day in days_between(first, min(last, newest))
    }
    return frozenset(found) | (written & {UNTIMED})


def _starts(making: Making, spans: ir.Table, least: Days) -> ir.Table:
    """Return the last start before the span of each user whose sessions may reach into it: user_id, start.

    Most sessions start on the same day or the one before; only the others are looked for in all of silver.
    """
    gap_minutes = making.settings.lake.session_gap_minutes
    reach = range(1, 1 + max(1, math.ceil(gap_minutes / MINUTES_PER_DAY)))
    near = making.table(SILVER_EVENTS, frozenset(day - number * _DAY for day in least for number in reach))
    users = reopened.going_on(spans, near, gap_minutes)
    named = making.kept("named_sessions", _named_sessions(making, spans, least))
    everything = making.table(SILVER_EVENTS)
    if making.session.count(named):
        users = users.union(reopened.resumed(spans, everything, named), distinct=True)
    open_spans = making.kept("open_spans", spans.semi_join(users, c.USER_ID))
    found = making.kept("near_starts", reopened.starts(open_spans, near))
    others = open_spans.anti_join(found, c.USER_ID)
    if not making.session.count(others):
        return found
    return found.union(reopened.starts(others, everything.semi_join(others, c.USER_ID)))


def _named_sessions(making: Making, spans: ir.Table, least: Days) -> ir.Table:
    """Return the sessions that bronze names on the first days of spans: user_id, session_id."""
    rows = making.table(EVENTS_TABLE, least)
    rows = rows.filter(rows[c.SESSION_ID].notnull()).inner_join(spans, c.USER_ID)
    return rows.filter(rows[c.TIMESTAMP].date() == rows.least).select(c.USER_ID, c.SESSION_ID).distinct()
