"""How silver's tables of bots are made from bronze: whole, or of what new events touch."""

from typing import Final

import ibis.expr.types as ir

from crossfade.lake import activity, bot_intruders, bot_rules, bots, silver
from crossfade.lake.activity import Habits
from crossfade.lake.days import UNTIMED, day_of
from crossfade.lake.layout import BOT_DAYS, BOT_DAYS_SCHEMA, BOT_HOURS, BOT_HOURS_SCHEMA, BOT_LISTS, BOTS
from crossfade.lake.making import EVENTS_TABLE, SILVER_EVENTS, Making, Update
from crossfade.lake.reopened import CELL
from crossfade.lake.touched import dropped, plays_of, touched_by
from crossfade.lake.typed import typed
from crossfade.schema import columns as c
from crossfade.schema.tables import TRACKS, USERS

HOURS_TABLE: Final = f"silver/{BOT_HOURS}"
DAYS_TABLE: Final = f"silver/{BOT_DAYS}"
BOTS_TABLE: Final = f"silver/{BOTS}"
LISTS_TABLE: Final = f"bronze/{BOT_LISTS}"
TRACKS_TABLE: Final = "bronze/tracks"
USERS_TABLE: Final = "bronze/users"
_DAY_RULES: Final = (bot_rules.LOOP, bot_rules.METRONOME)


def bot_hours(making: Making) -> ir.Table:
    """Return `activity.hours` of all events; who moved is chosen before users are named, which costs more."""
    bronze, bots = making.own(EVENTS_TABLE), making.settings.bots
    sums = activity.hour_sums(_plays(making, bronze), making.settings.lake, bots)
    sums = making.session.kept("hour_sums", sums)
    movers = making.session.kept("movers", activity.moving(sums))
    theirs = bronze.semi_join(making.owned(movers), c.USER_ID)
    return activity.hours(sums, movers, _plays(making, theirs), bots)


def _plays(making: Making, bronze: ir.Table) -> ir.Table:
    """Return the plays among rows of bronze, which have users under their own ids, each once."""
    return activity.plays(making.named(EVENTS_TABLE, bronze).anti_join(dropped(making), silver.ROW))


def bot_hours_update(making: Making) -> Update | None:
    """Return the hours of the days that new events touch."""
    touched = touched_by(making)
    if touched is None or not making.are_few(touched.days - {UNTIMED}, HOURS_TABLE):
        return None
    days, bots, plays = touched.days - {UNTIMED}, making.settings.bots, plays_of(making, touched)
    sums = making.kept("hour_sums", activity.hour_sums(plays, making.settings.lake, bots))
    hours = activity.hours(sums, activity.moving(sums), plays, bots)
    rest = making.table(HOURS_TABLE, days).anti_join(touched.cells, CELL)
    return Update(days, typed(rest, BOT_HOURS_SCHEMA).union(typed(hours, BOT_HOURS_SCHEMA)))


def bot_days(making: Making) -> ir.Table:
    """Return `activity.spot_days` of all hours."""
    return activity.spot_days(making.table(HOURS_TABLE))


def bot_days_update(making: Making) -> Update | None:
    """Return the same of the days that were replaced."""
    days = making.replaced(HOURS_TABLE)
    if days is None or not making.are_few(days, DAYS_TABLE):
        return None
    return Update(days, typed(activity.spot_days(making.table(HOURS_TABLE, days)), BOT_DAYS_SCHEMA))


def all_bots(making: Making) -> ir.Table:
    """Return what is held against accounts, from all events."""
    lake, rules = making.settings.lake, making.settings.bots
    plays = _plays(making, making.own(EVENTS_TABLE))
    hours, tracks = making.table(HOURS_TABLE), silver.newest(making.table(TRACKS_TABLE), TRACKS)
    habits = Habits.of(hours, making.table(DAYS_TABLE), _homes(making), making.session.kept)
    suspects = making.session.kept("suspects", bot_intruders.suspects(habits.spots, rules))
    by_day = bots.day_rules(plays, hours, tracks, lake, rules)
    intruded = bot_intruders.intruders(plays, habits, suspects, tracks, rules)
    return bots.flags(habits, by_day, intruded, making.table(LISTS_TABLE), rules, kept=making.session.kept)


def updated_bots(making: Making) -> ir.Table | None:
    """Return the same from new events and what was held before.

    Rules of a day are asked again of touched cells, that of intruders of touched accounts and of those of whom the users table
    has new rows; what compares hours or accounts is computed whole, from `bot_hours` and `bot_days`.
    """
    touched, moved = touched_by(making), making.fresh(USERS_TABLE)
    earlier = making.table(BOTS_TABLE)
    if (
        touched is None
        or moved is None
        or not making.is_as_of(SILVER_EVENTS, EVENTS_TABLE)
        or _renames_artists(making)
    ):
        return None
    cells = touched.cells
    lake, rules = making.settings.lake, making.settings.bots
    tracks, plays = silver.newest(making.table(TRACKS_TABLE), TRACKS), plays_of(making, touched)
    habits = Habits.of(making.table(HOURS_TABLE), making.table(DAYS_TABLE), _homes(making), making.kept)
    cell_hours = making.table(HOURS_TABLE, touched.days - {UNTIMED}).semi_join(cells, CELL)
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
