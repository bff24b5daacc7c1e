"""What new events re-open: cells, that is a user's UTC days, and the stretch in which their sessions may change.

Pure functions of ibis tables. Everything outside the cells that they return is as it was; why: docs/decisions/0014.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake import silver
from crossfade.lake.activity import HOUR_KEY
from crossfade.lake.days import UNTIMED, Days, day_of, midnight, with_day, within
from crossfade.lake.portable import instant
from crossfade.schema import columns as c

CELL: Final = (c.USER_ID, c.DAY)
NEVER: Final = date(9999, 12, 31)

Keep = Callable[[str, ir.Table], ir.Table]


def cells(rows: ir.Table) -> ir.Table:
    """Return the cells of rows that have a user and a timestamp: `CELL`, each once."""
    return with_day(rows).select(*CELL).distinct()


def touched(bronze: ir.Table, fresh: ir.Table, first_import: datetime, kept: Keep, name: str) -> ir.Table:
    """Return the cells whose clean rows may be others now.

    They are those of new rows, of older rows with the id of a new one (of which another may be the fullest now), and of rows
    that were imported after the first of the new ones (of which more was known, so that they may be back-fills now).

    Args:
        bronze: All bronze events.
        fresh: Those that are new.
        first_import: The least `imported_at` of the new ones.
        kept: Computes a table that several expressions read (see `Engine.kept`).
        name: For the tables that are kept.
    """
    ids = fresh.select(c.EVENT_ID).distinct()
    repeated = kept(f"{name}_ids", _repeated(bronze, ids))
    since = bronze.filter(bronze[c.IMPORTED_AT] > instant(first_import))
    what = (c.USER_ID, c.TIMESTAMP)
    rows = fresh.select(*what).union(since.select(*what))
    return cells(rows.union(bronze.semi_join(repeated, c.EVENT_ID).select(*what)))


def _repeated(bronze: ir.Table, ids: ir.Table) -> ir.Table:
    """Return those of some event ids that stand in several rows of bronze, wherever these are."""
    counts = bronze.select(c.EVENT_ID).semi_join(ids, c.EVENT_ID).group_by(c.EVENT_ID).agg(n=ibis._.count())
    return counts.filter(counts.n > 1).select(c.EVENT_ID)


def rows_of(rows: ir.Table, cells: ir.Table, days: Days) -> ir.Table:
    """Return the rows of cells; `days` are those of the cells, so that files of other days are not read."""
    return with_day(within(rows, days)).semi_join(cells, CELL).select(rows.columns)


def dropped(rows: ir.Table, bronze: ir.Table, kept: Keep, name: str) -> ir.Table:
    """Return which rows of whole cells are repeats, as `silver.ROW`.

    Rows of one id may lie in different cells and all of them are looked at; exact repeats lie in one.

    Args:
        rows: Bronze events of whole cells.
        bronze: All of them.
        kept: As `touched`.
        name: As `touched`.
    """
    repeated = kept(f"{name}_ids", _repeated(bronze, rows.select(c.EVENT_ID).distinct()))
    same = kept(
        f"{name}_same", silver.same_ids(bronze.semi_join(repeated, c.EVENT_ID).select(bronze.columns))
    )
    return same.union(kept(f"{name}_repeats", silver.exact_repeats(rows, same)))


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


def stretches(cells: ir.Table, events: ir.Table) -> ir.Table:
    """Return for each user of timed cells the days whose sessions have to be made again, from a session's start on.

    Sessions follow from the event before. What precedes the last start before the first cell, and what follows the first
    start after the next event behind the last cell, stays as it is.

    Args:
        cells: `CELL`.
        events: Silver events as they were.

    Returns:
        user_id, first_day, last_day (`NEVER` where there is no later start), and `after`, the moment of the next event behind
        the last cell, null where there is none.
    """
    timed = cells.filter(cells[c.DAY] != ibis.literal(UNTIMED))
    span = timed.group_by(c.USER_ID).agg(least=timed[c.DAY].min(), most=timed[c.DAY].max())
    acts = events.filter(events[c.TIMESTAMP].notnull()).inner_join(span, c.USER_ID)
    day, begins = acts[c.TIMESTAMP].date(), acts[c.SESSION_POSITION] == 0
    edges = acts.group_by(c.USER_ID).agg(
        start=acts[c.TIMESTAMP].max(where=begins & (day < acts.least)),
        after=acts[c.TIMESTAMP].min(where=day > acts.most),
    )
    later = acts.filter(begins).inner_join(edges, c.USER_ID)
    ends = later.filter(later[c.TIMESTAMP] > later.after)
    ends = ends.group_by(c.USER_ID).agg(end=ends[c.TIMESTAMP].min())
    rows = span.left_join(edges, c.USER_ID).drop(f"{c.USER_ID}_right")
    rows = rows.left_join(ends, c.USER_ID).drop(f"{c.USER_ID}_right")
    last = rows.after.isnull().ifelse(rows.most, rows.end.date().coalesce(ibis.literal(NEVER)))
    return rows.select(
        c.USER_ID, first_day=rows.start.date().coalesce(rows.least), last_day=last, after=rows.after
    )


def reached(events: ir.Table, stretches: ir.Table) -> ir.Table:
    """Return the cells behind those that are touched, up to where sessions may be others: `CELL`."""
    acts = with_day(events.select(c.USER_ID, c.TIMESTAMP)).inner_join(stretches, c.USER_ID)
    return (
        acts.filter((acts[c.TIMESTAMP] >= acts.after) & (acts[c.DAY] <= acts.last_day))
        .select(*CELL)
        .distinct()
    )


def rows_of_stretches(bronze: ir.Table, stretches: ir.Table, cells: ir.Table, first: date) -> ir.Table:
    """Return all bronze rows of the stretches, and the untimed ones of untimed cells.

    Args:
        bronze: Bronze events.
        stretches: What `stretches` returned.
        cells: `CELL`.
        first: The least `first_day`, so that files of earlier days are not read.
    """
    recent = bronze.filter(bronze[c.TIMESTAMP] >= midnight(first))
    timed = with_day(recent).inner_join(stretches, c.USER_ID)
    timed = timed.filter((timed[c.DAY] >= timed.first_day) & (timed[c.DAY] <= timed.last_day))
    untimed = cells.filter(cells[c.DAY] == ibis.literal(UNTIMED))
    others = bronze.filter(bronze[c.TIMESTAMP].isnull()).semi_join(untimed, c.USER_ID)
    return timed.select(bronze.columns).union(others.select(bronze.columns))
