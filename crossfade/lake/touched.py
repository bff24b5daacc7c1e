"""What new events touch in silver, and which rows of bronze are repeats: what several of silver's tables ask."""

from dataclasses import dataclass

import ibis.expr.types as ir

from crossfade.lake import activity, reopened, repeats, silver
from crossfade.lake.days import Days, with_day
from crossfade.lake.making import EVENTS_TABLE, Making
from crossfade.lake.portable import instant
from crossfade.lake.reopened import CELL
from crossfade.schema import columns as c


@dataclass(frozen=True)
class Touched:
    """Cells that new events may change, with users under their own ids and as silver names them, and their days."""

    own_cells: ir.Table
    cells: ir.Table
    days: Days


def touched_by(making: Making) -> Touched | None:
    """Return what new events touch, looked for once; None where bronze has not only grown."""
    return making.once("touched", lambda: _found_touched(making))


def _found_touched(making: Making) -> Touched | None:
    """Return the cells whose clean rows may be others now, and their days; None where bronze has not only grown.

    They are those of new rows, of older rows with the id of a new one (of which another may be the fullest now), and of rows
    that were imported after the first of the new ones (of which more was known, so that they may be back-fills now).
    """
    fresh = making.own_fresh(EVENTS_TABLE)
    if fresh is None:
        return None
    what = (c.USER_ID, c.TIMESTAMP)
    rows = fresh.select(*what)
    days, first = making.new_days()
    if first is not None:
        since = making.later(EVENTS_TABLE, first.date(), c.IMPORTED_AT)
        since = making.session.view("since", since.filter(since[c.IMPORTED_AT] > instant(first)))
        shared = repeats.repeats(making, days, "touched").semi_join(fresh, c.EVENT_ID)
        others = making.days(shared.select(c.DAY).union(with_day(since).select(c.DAY)))
        older = making.own(EVENTS_TABLE, others).semi_join(shared, c.EVENT_ID)
        rows, days = rows.union(since.select(*what)).union(older.select(*what)), days | others
    own = making.kept("own_touched", reopened.cells(rows))
    return Touched(own, making.kept("touched", making.named(EVENTS_TABLE, own, days)), making.days(own))


def plays_of(making: Making, touched: Touched) -> ir.Table:
    """Return `activity.plays` of touched cells, found once."""
    return making.once("plays", lambda: _found_plays(making, touched))


def _found_plays(making: Making, touched: Touched) -> ir.Table:
    """Return the plays of touched cells, each once."""
    rows, repeats = rows_of(making, touched)
    return making.kept("touched_plays", activity.plays(rows.anti_join(repeats, silver.ROW)))


def rows_of(making: Making, touched: Touched) -> tuple[ir.Table, ir.Table]:
    """Return the rows of touched cells, with users as silver names them, and what `repeated` returns of them; found once."""
    return making.once("touched_rows", lambda: _found_rows(making, touched))


def _found_rows(making: Making, touched: Touched) -> tuple[ir.Table, ir.Table]:
    bronze = making.own(EVENTS_TABLE, touched.days)
    own = with_day(bronze).semi_join(touched.own_cells, CELL).select(bronze.columns)
    rows = making.kept("touched_rows", making.named(EVENTS_TABLE, own, touched.days))
    return rows, repeated(making, rows, touched.days, "touched_rows")


def repeated(making: Making, rows: ir.Table, days: Days, name: str) -> ir.Table:
    """Return which rows of whole cells are repeats, as `silver.ROW`; exact repeats lie in one cell."""
    same = repeats.same_ids(making, days, name)
    return same.union(making.kept(f"{name}_exact", silver.exact_repeats(rows, same)))


def dropped(making: Making) -> ir.Table:
    """Return which rows of all of bronze are repeats, as `silver.ROW`."""
    bronze = making.table(EVENTS_TABLE)
    same = making.session.kept("same_ids", silver.same_ids(bronze))
    return same.union(making.session.kept("exact_repeats", silver.exact_repeats(bronze, same)))
