"""Who is not a listener: what the rules and the score hold against accounts, and people's lists, as one table of flags.

Flags look at everything up to the refresh, also at what comes after a listen: they say what data is worth, not what a listener
likes, so an account found out later is left out of what was learnt from earlier, too. Equal events and lists give equal flags.
"""

from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake import activity, bot_intruders, bot_rules
from crossfade.lake.activity import HOUR_KEY, Habits
from crossfade.lake.bot_score import account_scores
from crossfade.lake.composing import composed
from crossfade.lake.engine import Keep
from crossfade.lake.layout import BOTS, BOTS_SCHEMA, SILVER_SCHEMAS
from crossfade.lake.typed import typed
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings, LakeSettings

ODD: Final = "odd"
MOSTLY: Final = "mostly"
DENIED: Final = "denied"

ALLOW: Final = "allow"
DENY: Final = "deny"
FORGET: Final = "forget"  # neither list any more: the rules decide again

HELD: Final = (*HOUR_KEY, c.RULE, c.MEASURE, c.LISTENS)
_HELD_SCHEMA: Final = pa.schema([BOTS_SCHEMA.field(name) for name in HELD])


@composed
def day_rules(
    plays: ir.Table, hours: ir.Table, tracks: ir.Table, lake: LakeSettings, bots: BotSettings
) -> ir.Table:
    """Return what is held against accounts by the rules that look at one UTC day of an account alone.

    Args:
        plays: What `activity.plays` returned; an account's day whole or not at all.
        hours: What `activity.hours` made of them.
        tracks: The catalogue, each track once.
        lake: `positive_ms` is read.
        bots: The keys of the rules.

    Returns:
        `HELD`.
    """
    loops = bot_rules.loops(plays, hours, tracks, lake, bots)
    return as_held(loops).union(as_held(bot_rules.metronomes(plays, hours, bots)))


@composed
def as_held(rows: ir.Table) -> ir.Table:
    """Return the columns of what a rule found or of `silver/bots`, as all of these can be put together: `HELD`."""
    return typed(rows, _HELD_SCHEMA)


def flags(
    habits: Habits, by_day: ir.Table, intruded: ir.Table, lists: ir.Table, bots: BotSettings, *, kept: Keep
) -> ir.Table:
    """Return what is held against accounts: a row for an hour at a place, or for a whole account, and a rule.

    Args:
        habits: Of all accounts: the score compares them with each other.
        by_day: What `day_rules` returned.
        intruded: What `bot_intruders.intruders` returned.
        lists: What people decided, newest counts: user_id, list, imported_at.
        bots: The keys of the rules and of the score.
        kept: Computes a table that several expressions read (see `Engine.kept`).

    Returns:
        `HOUR_KEY` (null but for the user where the whole account is meant), rule, measure, listens, is_flagged (false where
        the account stands on the allow list).
    """
    machine = as_held(by_day)
    for rule in (bot_rules.round_the_clock(habits, bots), bot_intruders.impossible_travel(habits, bots)):
        machine = machine.union(as_held(rule))
    machine = kept("bot_machine_hours", machine)
    found = kept("bot_held_hours", as_held(machine).union(as_held(intruded)))
    decided = newest_lists(lists)
    shares = kept("bot_shares", _shares(habits, machine, bots))
    whole = found.union(as_held(_mostly_there(habits, machine, shares)))
    for accounts in (
        _odd(_rest(habits, found), habits.spots, bots),
        _mostly(shares),
        _denied(habits, decided),
    ):
        whole = whole.union(_whole(accounts, found))
    return _judged(whole, decided)


@composed
def _judged(held: ir.Table, decided: ir.Table) -> ir.Table:
    """Tell what counts: of accounts on the allow list, nothing does."""
    allowed = decided.filter(lambda t: t[c.LIST] == ALLOW).select(allowed=c.USER_ID)
    judged = held.left_join(allowed, held[c.USER_ID] == allowed.allowed)
    return judged.mutate(**{c.IS_FLAGGED: judged.allowed.isnull()}).select(SILVER_SCHEMAS[BOTS].names)


@composed
def marked(events: ir.Table, flags: ir.Table) -> ir.Table:
    """Add `is_bot` to bronze events: all of a flagged account's, and what else was done at a flagged hour and place."""
    counted = flags.filter(flags[c.IS_FLAGGED])
    accounts = counted.filter(counted[c.HOUR].isnull()).select(flagged_account=c.USER_ID).distinct()
    spots = counted.filter(counted[c.HOUR].notnull()).select(*HOUR_KEY).distinct()
    spots = spots.rename({f"flagged_{name}": name for name in HOUR_KEY})
    rows = events.left_join(accounts, events[c.USER_ID] == accounts.flagged_account)
    rows = rows.mutate(**{f"at_{name}": column for name, column in activity.hour_key(rows).items()})
    rows = rows.left_join(spots, [rows[f"at_{name}"] == spots[f"flagged_{name}"] for name in HOUR_KEY])
    is_bot = rows.flagged_account.notnull() | rows[f"flagged_{c.USER_ID}"].notnull()
    return rows.mutate(**{c.IS_BOT: is_bot}).select(*events.columns, c.IS_BOT)


@composed
def newest_lists(lists: ir.Table) -> ir.Table:
    """Return the newest decision on each user that anybody decided on: user_id, list."""
    order = [lists[c.IMPORTED_AT].desc(), lists[c.LIST]]
    last = ibis.row_number().over(group_by=lists[c.USER_ID], order_by=order)
    return lists.mutate(place=last).filter(lambda t: t.place == 0).select(c.USER_ID, c.LIST)


@composed
def _rest(habits: Habits, found: ir.Table) -> ir.Table:
    """Return `activity.spot_days` of the hours that no rule holds against accounts; most have no other ones."""
    theirs = habits.hours.semi_join(found, c.USER_ID).anti_join(found, HOUR_KEY)
    others = habits.days.anti_join(found, c.USER_ID)
    return others.union(activity.spot_days(theirs).select(others.columns).cast(others.schema()))


@composed
def _odd(rest: ir.Table, spots: ir.Table, bots: BotSettings) -> ir.Table:
    """Return the accounts whose hours that no rule holds against them are too unlike all others'."""
    scores = account_scores(rest, spots, bots)
    found = scores.filter(scores.score >= bots.score)
    return found.select(c.USER_ID, "listens", **{c.MEASURE: found.score, c.RULE: ibis.literal(ODD)})


@composed
def _shares(habits: Habits, machine: ir.Table, bots: BotSettings) -> ir.Table:
    """Return how much of an account's plays in a country is a machine's: user_id, country, listens, held, is_mostly."""
    is_machine = machine.select(*HOUR_KEY).distinct().mutate(is_machine=True)
    rows = habits.hours.semi_join(machine, c.USER_ID).left_join(is_machine, HOUR_KEY)
    weight = rows.is_machine.fill_null(False).ifelse(rows.listens, 0)
    sums = rows.group_by([c.USER_ID, c.COUNTRY]).agg(listens=rows.listens.sum(), held=weight.sum())
    return sums.mutate(is_mostly=sums.held / sums.listens >= bots.account_share)


@composed
def _mostly(shares: ir.Table) -> ir.Table:
    """Return the accounts nearly all of whose plays are a machine's, in each country where they play."""
    sums = shares.group_by(c.USER_ID).agg(
        listens=shares.listens.sum(),
        others=(~shares.is_mostly).sum(),
        **{c.MEASURE: shares.held.sum() / shares.listens.sum()},
    )
    whole = sums.filter(sums.others == 0).drop("others")
    return whole.mutate(**{c.RULE: ibis.literal(MOSTLY)})


@composed
def _mostly_there(habits: Habits, machine: ir.Table, shares: ir.Table) -> ir.Table:
    """Return the other hours of accounts in countries where nearly all of their plays are a machine's, as they are not elsewhere.

    There somebody else uses the account; what its owner plays at home says nothing of them.
    """
    others = shares.filter(~shares.is_mostly).select(c.USER_ID).distinct()
    there = shares.filter(shares.is_mostly).semi_join(others, c.USER_ID)
    key = [c.USER_ID, c.COUNTRY]
    there = there.select(*key, **{c.MEASURE: there.held / there.listens})
    rest = habits.hours.anti_join(machine, HOUR_KEY)
    return activity.held(rest.inner_join(there, key), MOSTLY)


@composed
def _denied(habits: Habits, lists: ir.Table) -> ir.Table:
    denied = lists.filter(lists[c.LIST] == DENY).select(c.USER_ID)
    counts = habits.days.semi_join(denied, c.USER_ID).group_by(c.USER_ID).agg(listens=ibis._.listens.sum())
    rows = denied.left_join(counts, c.USER_ID).drop(f"{c.USER_ID}_right")
    return rows.mutate(
        listens=rows.listens.fill_null(0),
        **{c.MEASURE: ibis.null("float64"), c.RULE: ibis.literal(DENIED)},
    )


@composed
def _whole(accounts: ir.Table, like: ir.Table) -> ir.Table:
    """Give flags of whole accounts the columns of `like`, null where they name no hour and place."""
    absent = {name: ibis.null(like[name].type()) for name in HOUR_KEY if name != c.USER_ID}
    columns = accounts.mutate(**absent)
    return columns.select(**{name: columns[name].cast(like[name].type()) for name in like.columns})
