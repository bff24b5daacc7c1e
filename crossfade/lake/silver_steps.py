"""How silver's tables of events are made from bronze: whole, or of the cells that new events re-open."""

from typing import Final

import ibis.expr.types as ir

from crossfade.lake import activity, arrivals, bot_intruders, bot_rules, bots, reopened, repeats, silver
from crossfade.lake.activity import Habits
from crossfade.lake.changes import note
from crossfade.lake.days import UNTIMED, Days, day_of, with_day
from crossfade.lake.layout import BOT_HOURS, BOT_HOURS_SCHEMA, BOT_LISTS, BOTS, SILVER_SCHEMAS
from crossfade.lake.making import EVENTS_TABLE, SILVER_EVENTS, Making, Update
from crossfade.lake.open_sessions import days_of, stretches_of
from crossfade.lake.portable import instant
from crossfade.lake.reopened import CELL
from crossfade.lake.typed import typed
from crossfade.schema import columns as c
from crossfade.schema.tables import TRACKS, USERS

DROPPED: Final = "crossfade.rows_dropped"
HOURS_TABLE: Final = f"silver/{BOT_HOURS}"
BOTS_TABLE: Final = f"silver/{BOTS}"
LISTS_TABLE: Final = f"bronze/{BOT_LISTS}"
TRACKS_TABLE: Final = "bronze/tracks"
USERS_TABLE: Final = "bronze/users"
_DAY_RULES: Final = (bot_rules.LOOP, bot_rules.METRONOME)


def _dropped(making: Making) -> ir.Table:
    bronze = making.table(EVENTS_TABLE)
    same = making.session.kept("same_ids", silver.same_ids(bronze))
    return same.union(making.session.kept("exact_repeats", silver.exact_repeats(bronze, same)))


def _touched(making: Making) -> tuple[ir.Table, Days] | None:
    return making.once("touched", lambda: _found_touched(making))


def _found_touched(making: Making) -> tuple[ir.Table, Days] | None:
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
        since = since.filter(since[c.IMPORTED_AT] > instant(first))
        shared = repeats.repeats(making, days, "touched").semi_join(fresh, c.EVENT_ID)
        others = making.days(shared.select(c.DAY).union(with_day(since).select(c.DAY)))
        older = making.own(EVENTS_TABLE, others).semi_join(shared, c.EVENT_ID)
        rows, days = rows.union(since.select(*what)).union(older.select(*what)), days | others
    found = making.kept("touched", reopened.cells(making.named(EVENTS_TABLE, rows, days)))
    return found, making.days(found)


def _plays(making: Making, cells: ir.Table, days: Days) -> ir.Table:
    return making.once("plays", lambda: _found_plays(making, cells, days))


def _found_plays(making: Making, cells: ir.Table, days: Days) -> ir.Table:
    """Return the plays of cells, each once."""
    bronze = making.table(EVENTS_TABLE, days)
    rows = making.kept("touched_rows", with_day(bronze).semi_join(cells, CELL).select(bronze.columns))
    once = rows.anti_join(_repeated(making, rows, days, "touched_rows"), silver.ROW)
    return making.kept("touched_plays", activity.plays(once))


def _repeated(making: Making, rows: ir.Table, days: Days, name: str) -> ir.Table:
    """Return which rows of whole cells are repeats, as `silver.ROW`; exact repeats lie in one cell."""
    same = repeats.same_ids(making, days, name)
    return same.union(making.kept(f"{name}_exact", silver.exact_repeats(rows, same)))


def bot_hours(making: Making) -> ir.Table:
    """Return `activity.hours` of all events."""
    once = making.table(EVENTS_TABLE).anti_join(_dropped(making), silver.ROW)
    return activity.hours(activity.plays(once), making.settings.lake, making.settings.bots)


def bot_hours_update(making: Making) -> Update | None:
    """Return the hours of the days that new events touch."""
    found = _touched(making)
    if found is None or not making.are_few(found[1] - {UNTIMED}, HOURS_TABLE):
        return None
    cells, days = found
    hours = activity.hours(_plays(making, cells, days), making.settings.lake, making.settings.bots)
    rest = making.table(HOURS_TABLE, days - {UNTIMED}).anti_join(cells, CELL)
    return Update(days - {UNTIMED}, typed(rest, BOT_HOURS_SCHEMA).union(typed(hours, BOT_HOURS_SCHEMA)))


def all_bots(making: Making) -> ir.Table:
    """Return what is held against accounts, from all events."""
    lake, rules = making.settings.lake, making.settings.bots
    plays = activity.plays(making.table(EVENTS_TABLE).anti_join(_dropped(making), silver.ROW))
    hours, tracks = making.table(HOURS_TABLE), silver.newest(making.table(TRACKS_TABLE), TRACKS)
    habits = Habits.of(hours, _homes(making), making.session.kept)
    suspects = making.session.kept("suspects", bot_intruders.suspects(habits.spots, rules))
    by_day = bots.day_rules(plays, hours, tracks, lake, rules)
    intruded = bot_intruders.intruders(plays, habits, suspects, tracks, rules)
    return bots.flags(habits, by_day, intruded, making.table(LISTS_TABLE), rules, kept=making.session.kept)


def updated_bots(making: Making) -> ir.Table | None:
    """Return the same from new events and what was held before.

    Rules of a day are asked again of touched cells, that of intruders of touched accounts and of those of whom the users table
    has new rows; what compares hours or accounts is computed whole, from `bot_hours`.
    """
    found, moved = _touched(making), making.fresh(USERS_TABLE)
    earlier = making.table(BOTS_TABLE)
    if (
        found is None
        or moved is None
        or not making.is_as_of(SILVER_EVENTS, EVENTS_TABLE)
        or _renames_artists(making)
    ):
        return None
    cells, days = found
    lake, rules = making.settings.lake, making.settings.bots
    tracks, plays = silver.newest(making.table(TRACKS_TABLE), TRACKS), _plays(making, cells, days)
    habits = Habits.of(making.table(HOURS_TABLE), _homes(making), making.kept)
    cell_hours = making.table(HOURS_TABLE, days - {UNTIMED}).semi_join(cells, CELL)
    old = earlier.filter(earlier[c.HOUR].notnull())
    old_cells = old.mutate(**{c.DAY: day_of(old[c.HOUR])}).filter(old[c.RULE].isin(_DAY_RULES))
    by_day = bots.day_rules(plays, cell_hours, tracks, lake, rules).union(
        bots.as_held(old_cells.anti_join(cells, CELL))
    )
    users = cells.select(c.USER_ID).union(moved.select(c.USER_ID)).distinct()
    suspects = bot_intruders.suspects(habits.spots.semi_join(users, c.USER_ID), rules)
    suspects = making.kept("suspects", suspects)
    theirs = making.kept("suspects_plays", _all_plays(making, suspects, cells, plays))
    intruded = bot_intruders.intruders(theirs, habits, suspects, tracks, rules)
    old_intruded = old.filter(old[c.RULE] == bot_intruders.INTRUDER).anti_join(users, c.USER_ID)
    intruded = bots.as_held(intruded).union(bots.as_held(old_intruded))
    return bots.flags(habits, by_day, intruded, making.table(LISTS_TABLE), rules, kept=making.kept)


def _homes(making: Making) -> ir.Table:
    return activity.homes(silver.newest(making.table(USERS_TABLE), USERS))


def _all_plays(making: Making, accounts: ir.Table, cells: ir.Table, plays: ir.Table) -> ir.Table:
    """Return all plays of some accounts: those of the touched cells, and of the others as silver has them.

    Silver names sessions that bronze does not; no rule that looks at a whole account reads them.
    """
    users = accounts.select(c.USER_ID).distinct()
    events = making.table(SILVER_EVENTS)
    others = activity.plays(events.semi_join(users, c.USER_ID)).anti_join(cells, CELL)
    kinds = {name: plays[name].type() for name in plays.columns}
    return plays.semi_join(users, c.USER_ID).union(others.select(plays.columns).cast(kinds))


def _renames_artists(making: Making) -> bool:
    """Return whether new rows of the catalogue may name other artists for tracks that were played before."""
    if making.is_unchanged(TRACKS_TABLE):
        return False
    fresh = making.fresh(TRACKS_TABLE)
    if fresh is None:
        return True
    events = making.table(SILVER_EVENTS)
    nameless = events.filter(events[c.ARTIST_ID].isnull())
    return making.session.count(nameless.semi_join(fresh, c.TRACK_ID).limit(1)) > 0


def events(making: Making) -> ir.Table:
    """Return all clean events."""
    dropped = _dropped(making)
    making.notes[DROPPED] = str(making.session.count(dropped))
    return _clean(making, making.table(EVENTS_TABLE), dropped)


def _clean(making: Making, rows: ir.Table, dropped: ir.Table) -> ir.Table:
    live = making.session.kept(
        "live_imports", arrivals.live_imports(making.own(EVENTS_TABLE), making.settings.lake)
    )
    arrived = arrivals.with_arrival(rows, live, making.settings.lake)
    sessions = silver.sessions(rows, dropped, making.settings.lake)
    return silver.events(arrived, dropped, sessions, making.table(BOTS_TABLE))


def events_update(making: Making) -> Update | None:
    """Return the clean events of the days that new events or flags re-open."""
    found, flags = _touched(making), making.before(BOTS_TABLE)
    if found is None or flags is None:
        return None
    earlier = making.table(SILVER_EVENTS)
    marked = reopened.flag_cells(earlier, flags, making.table(BOTS_TABLE))
    cells = making.kept("event_cells", found[0].union(marked, distinct=True))
    if not making.are_few(making.days(cells), SILVER_EVENTS):
        return None
    stretches, written = stretches_of(making, cells)
    days = making.days(written)
    if not making.are_few(days, SILVER_EVENTS):
        return None
    read = days_of(making, stretches, days)
    rows = reopened.rows_of_stretches(making.table(EVENTS_TABLE, read), stretches, cells)
    rows = making.kept("open_rows", rows)
    dropped = _repeated(making, rows, read, "open_rows")
    clean = with_day(_clean(making, rows, dropped)).semi_join(written, CELL)
    old = with_day(making.table(SILVER_EVENTS, days))
    making.notes[DROPPED] = str(_num_dropped(making, rows, dropped, old, written))
    schema = SILVER_SCHEMAS["events"]
    return Update(days, typed(old.anti_join(written, CELL), schema).union(typed(clean, schema)))


def _num_dropped(making: Making, rows: ir.Table, dropped: ir.Table, old: ir.Table, written: ir.Table) -> int:
    """Return how many rows of bronze are repeats: as before, but for the cells that are written."""
    there, fresh = with_day(rows).semi_join(written, CELL), making.own_fresh(EVENTS_TABLE)
    num_there, num_old, num_dropped, *num_fresh = making.session.counts(
        there,
        old.semi_join(written, CELL),
        there.semi_join(dropped, silver.ROW),
        *([] if fresh is None else [fresh]),
    )
    before = int(note(making.lake, SILVER_EVENTS, DROPPED) or 0)
    return before - (num_there - sum(num_fresh) - num_old) + num_dropped
