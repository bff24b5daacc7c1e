"""What new events re-open: cells, that is a user's UTC days, and the stretch in which their sessions may change.

Pure functions of ibis tables. Everything outside the cells that they return is as it was; why: docs/decisions/0014.
"""

from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.activity import HOUR_KEY
from crossfade.lake.composing import composed
from crossfade.lake.days import UNTIMED, day_of, with_day
from crossfade.schema import columns as c

CELL: Final = (c.USER_ID, c.DAY)
NEVER: Final = date(9999, 12, 31)


@composed
def cells(rows: ir.Table) -> ir.Table:
    """Return the cells of rows that have a user and a timestamp: `CELL`, each once."""
    return with_day(rows).select(*CELL).distinct()


@composed
def flag_cells(events: ir.Table, before: ir.Table, after: ir.Table) -> ir.Table:
    """Return the cells whose marks may be others with other flags: days of hours, and all days of whole accounts.

    Args:
        events: Silver events, made with the earlier flags.
        before: The earlier `silver/bots`.
        after: The new one.
    """
    old, new = (flags.filter(flags[c.IS_FLAGGED]).select(*HOUR_KEY).distinct() for flags in (before, after))
    changed = old.difference(new).union(new.difference(old))
    hours = changed.filter(changed[c.HOUR].notnull())
    hours = hours.select(c.USER_ID, **{c.DAY: day_of(hours[c.HOUR])})
    accounts = changed.filter(changed[c.HOUR].isnull()).select(c.USER_ID).distinct()
    theirs = events.semi_join(accounts, c.USER_ID).select(c.USER_ID, c.TIMESTAMP)
    return hours.distinct().union(cells(theirs), distinct=True)


@composed
def spans(cells: ir.Table) -> ir.Table:
    """Return the first and last day of each user's timed cells: user_id, least, most."""
    timed = cells.filter(cells[c.DAY] != ibis.literal(UNTIMED))
    return timed.group_by(c.USER_ID).agg(least=timed[c.DAY].min(), most=timed[c.DAY].max())


@composed
def going_on(spans: ir.Table, events: ir.Table, gap_minutes: int) -> ir.Table:
    """Return the users whose last event before their span may be near enough for its session to go on: user_id.

    Args:
        spans: What `spans` returned.
        events: Silver events as they were, of the days before spans that the gap reaches.
        gap_minutes: A longer pause starts a session.
    """
    acts = events.inner_join(spans, c.USER_ID)
    begins = acts.least.cast("timestamp")
    moment = acts[c.TIMESTAMP]
    near = acts.filter((moment < begins) & (moment >= begins - ibis.interval(minutes=gap_minutes)))
    return near.select(c.USER_ID).distinct()


@composed
def resumed(spans: ir.Table, events: ir.Table, named: ir.Table) -> ir.Table:
    """Return the users whose source names a session that they were in before their span: user_id.

    Args:
        spans: What `spans` returned.
        events: All silver events as they were.
        named: Sessions that bronze names on the first days of spans: user_id, session_id.
    """
    acts = events.semi_join(named, [c.USER_ID, c.SESSION_ID]).inner_join(spans, c.USER_ID)
    return acts.filter(acts[c.TIMESTAMP] < acts.least.cast("timestamp")).select(c.USER_ID).distinct()


@composed
def starts(spans: ir.Table, events: ir.Table) -> ir.Table:
    """Return the last start of a session before each user's span, where events have one: user_id, start."""
    acts = events.filter(events[c.SESSION_POSITION] == 0).inner_join(spans, c.USER_ID)
    before = acts.filter(acts[c.TIMESTAMP] < acts.least.cast("timestamp"))
    return before.group_by(c.USER_ID).agg(start=before[c.TIMESTAMP].max())


@composed
def behind(cells: ir.Table, later: ir.Table) -> ir.Table:
    """Return how far behind each timed cell sessions have to be made again: up to the first start after the next event behind it.

    Args:
        cells: `CELL`.
        later: Silver events as they were, from the day of the first cell on.

    Returns:
        user_id, cell_day, `after`, the moment of the next event behind the cell, and last_day (`NEVER` where there is no later
        start); cells without an event behind them are absent.
    """
    timed = cells.filter(cells[c.DAY] != ibis.literal(UNTIMED)).select(c.USER_ID, cell_day=c.DAY)
    acts = later.inner_join(timed, c.USER_ID)
    acts = acts.filter(acts[c.TIMESTAMP].date() > acts.cell_day)
    key = [c.USER_ID, "cell_day"]
    edges = acts.group_by(key).agg(after=acts[c.TIMESTAMP].min())
    ends = acts.filter(acts[c.SESSION_POSITION] == 0).inner_join(edges, key)
    ends = ends.filter(ends[c.TIMESTAMP] > ends.after)
    ends = ends.group_by(key).agg(end=ends[c.TIMESTAMP].min())
    rows = edges.left_join(ends, key)
    return rows.select(*key, "after", last_day=rows.end.date().coalesce(ibis.literal(NEVER)))


@composed
def stretches(spans: ir.Table, starts: ir.Table, behind: ir.Table) -> ir.Table:
    """Return for each user of timed cells the days that have to be read to make sessions again: user_id, first_day, last_day.

    Sessions follow from the event before. What precedes the last start before the first cell stays as it is (all that precedes
    the cell, where no session can reach into it), and so does what follows the first start after the next event behind the last
    cell.

    Args:
        spans: What `spans` returned.
        starts: What `starts` returned, of those users whose sessions may reach into their span.
        behind: What `behind` returned.
    """
    ends = behind.group_by(c.USER_ID).agg(end=behind.last_day.max())
    rows = spans
    for more in (starts, ends):
        rows = rows.left_join(more, c.USER_ID).drop(f"{c.USER_ID}_right")
    first, last = rows.start.date().coalesce(rows.least), rows.end.coalesce(rows.most)
    return rows.select(c.USER_ID, first_day=first, last_day=(last > rows.most).ifelse(last, rows.most))


@composed
def reached(later: ir.Table, behind: ir.Table) -> ir.Table:
    """Return the cells behind those that are touched, up to where sessions may be others: `CELL`."""
    acts = with_day(later.select(c.USER_ID, c.TIMESTAMP)).inner_join(behind, c.USER_ID)
    is_reached = (acts[c.TIMESTAMP] >= acts.after) & (acts[c.DAY] <= acts.last_day)
    return acts.filter(is_reached).select(*CELL).distinct()


@composed
def rows_of_stretches(bronze: ir.Table, stretches: ir.Table, cells: ir.Table) -> ir.Table:
    """Return the bronze rows of the stretches, and the untimed ones of untimed cells.

    Args:
        bronze: Bronze events of the days of all of them.
        stretches: What `stretches` returned.
        cells: `CELL`.
    """
    timed = with_day(bronze.filter(bronze[c.TIMESTAMP].notnull())).inner_join(stretches, c.USER_ID)
    timed = timed.filter((timed[c.DAY] >= timed.first_day) & (timed[c.DAY] <= timed.last_day))
    untimed = cells.filter(cells[c.DAY] == ibis.literal(UNTIMED))
    others = bronze.filter(bronze[c.TIMESTAMP].isnull()).semi_join(untimed, c.USER_ID)
    return timed.select(bronze.columns).union(others.select(bronze.columns))
