"""How silver's events are made from bronze: whole, or of the cells that new events re-open."""

from datetime import timedelta
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake import arrivals, reopened, silver
from crossfade.lake.bot_steps import BOTS_TABLE
from crossfade.lake.changes import note
from crossfade.lake.days import Days, with_day
from crossfade.lake.layout import SILVER_SCHEMAS
from crossfade.lake.making import EVENTS_TABLE, SILVER_EVENTS, Making, Update
from crossfade.lake.open_sessions import days_of, stretches_of
from crossfade.lake.reopened import CELL
from crossfade.lake.touched import Touched, dropped, repeated, rows_of, touched_by
from crossfade.lake.typed import typed
from crossfade.schema import columns as c

DROPPED: Final = "crossfade.rows_dropped"


def events(making: Making) -> ir.Table:
    """Return all clean events."""
    repeats = dropped(making)
    making.notes[DROPPED] = str(making.session.count(repeats))
    return _clean(making, making.table(EVENTS_TABLE), repeats, making.own(EVENTS_TABLE))


def _clean(making: Making, rows: ir.Table, repeats: ir.Table, telling: ir.Table) -> ir.Table:
    """Return the clean events of rows of bronze; `telling` are those that tell of their imports which were live."""
    live = making.kept("live_imports", arrivals.live_imports(telling, making.settings.lake))
    arrived = arrivals.with_arrival(rows, live, making.settings.lake)
    sessions = silver.sessions(rows, repeats, making.settings.lake)
    return silver.events(arrived, repeats, sessions, making.table(BOTS_TABLE))


def events_update(making: Making) -> Update | None:
    """Return the clean events of the days that new events or flags re-open."""
    touched, flags = touched_by(making), making.before(BOTS_TABLE)
    if touched is None or flags is None:
        return None
    earlier = making.table(SILVER_EVENTS)
    marked = reopened.flag_cells(earlier, flags, making.table(BOTS_TABLE))
    cells = making.kept("event_cells", touched.cells.union(marked, distinct=True))
    if not making.are_few(making.days(cells), SILVER_EVENTS):
        return None
    stretches, written = stretches_of(making, cells)
    days = making.days(written)
    if not making.are_few(days, SILVER_EVENTS):
        return None
    rows, repeats = _open_rows(making, touched, stretches, cells, days_of(making, stretches, days))
    clean = with_day(_clean(making, rows, repeats, _telling(making, rows))).semi_join(written, CELL)
    old = with_day(making.table(SILVER_EVENTS, days))
    making.notes[DROPPED] = str(_num_dropped(making, rows, repeats, old, written))
    schema = SILVER_SCHEMAS["events"]
    return Update(days, typed(old.anti_join(written, CELL), schema).union(typed(clean, schema)))


def _open_rows(
    making: Making, touched: Touched, stretches: ir.Table, cells: ir.Table, days: Days
) -> tuple[ir.Table, ir.Table]:
    """Return the rows of stretches and of untimed cells, and which of them are repeats; those of touched cells are at hand."""
    own_stretches, own_cells = making.owned(stretches, days), making.owned(cells, days)
    bronze = making.own(EVENTS_TABLE, days)
    own = with_day(reopened.rows_of_stretches(bronze, own_stretches, own_cells))
    own = own.anti_join(touched.own_cells, CELL).select(bronze.columns)
    others = making.kept("open_rows", making.named(EVENTS_TABLE, own, days))
    rows, repeats = rows_of(making, touched)
    return rows.union(others), repeats.union(repeated(making, others, days, "open_rows"))


def _telling(making: Making, rows: ir.Table) -> ir.Table:
    """Return what of bronze tells which imports of some rows were live (see `arrivals.live_imports`): imported_at, timestamp.

    An import is live by an event of the last `lateness_days` before it, so those of the days from there on tell; and by its time
    since the very first one, which one row tells. Of imports that hold older events alone, their own rows tell.
    """
    when = [c.IMPORTED_AT, c.TIMESTAMP]
    oldest = making.earliest(EVENTS_TABLE, c.IMPORTED_AT)
    oldest = oldest.agg(**{c.IMPORTED_AT: oldest[c.IMPORTED_AT].min()})
    oldest = oldest.mutate(**{c.TIMESTAMP: ibis.null(rows[c.TIMESTAMP].type())})
    (first,) = making.session.rows(rows.agg(first=rows[c.IMPORTED_AT].min())).column("first").to_pylist()
    if first is None:
        return oldest
    begin = (first - timedelta(days=making.settings.lake.lateness_days)).date()
    later = making.later(EVENTS_TABLE, begin, c.TIMESTAMP)
    return later.select(when).union(rows.select(when)).union(oldest.select(when))


def _num_dropped(making: Making, rows: ir.Table, repeats: ir.Table, old: ir.Table, written: ir.Table) -> int:
    """Return how many rows of bronze are repeats: as before, but for the cells that are written."""
    there, fresh = with_day(rows).semi_join(written, CELL), making.own_fresh(EVENTS_TABLE)
    num_there, num_old, num_dropped, *num_fresh = making.session.counts(
        there,
        old.semi_join(written, CELL),
        there.semi_join(repeats, silver.ROW),
        *([] if fresh is None else [fresh]),
    )
    before = int(note(making.lake, SILVER_EVENTS, DROPPED) or 0)
    return before - (num_there - sum(num_fresh) - num_old) + num_dropped
