"""Rules that tell somebody else on a listener's account from the listener, and a listener abroad from both.

They return what those of `bot_rules` do, and only hours away from the account's usual place: its owner's own stay.
"""

from typing import Final

import ibis.expr.types as ir

from crossfade.lake.activity import IS_COUNTRY, SPOT_KEY, Habits, held, with_artist, with_spot
from crossfade.lake.composing import composed
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings

INTRUDER: Final = "intruder"
IMPOSSIBLE_TRAVEL: Final = "impossible_travel"


@composed
def suspects(spots: ir.Table, bots: BotSettings) -> ir.Table:
    """Return the foreign spots that are worth a look at what is played there: `SPOT_KEY`.

    A device alone is no foreign place, since people own several: there, plays must also have begun while the account was
    still playing elsewhere.

    Args:
        spots: What `activity.spots` returned, or those of some accounts.
        bots: The keys that begin with `intruder`.
    """
    foreign = spots.filter((spots.rank > 0) & (spots.listens >= bots.intruder_plays))
    is_elsewhere = foreign[IS_COUNTRY] | (foreign.jumps >= bots.intruder_jumps)
    return foreign.filter(is_elsewhere).select(*SPOT_KEY)


@composed
def intruders(
    plays: ir.Table, habits: Habits, suspects: ir.Table, tracks: ir.Table, bots: BotSettings
) -> ir.Table:
    """Find foreign places where an account plays almost nobody whom it plays at its usual one.

    Who travels takes their taste along, as far as they have one: it is compared with how much of what is played at the usual
    place is of artists that are played there on other days, too, so that who always looks for something new is not taken
    for somebody else abroad. Where the usual place was in use all the while, two people are likelier than where the account was
    at one place after the other, as on a journey, on which people also play what they do not at home; there hardly anything
    may be known. `measure` is the share of the foreign place's plays whose artist the account plays at its
    usual one, over that share.

    Args:
        plays: All plays of the accounts among `suspects`; those of others do no harm.
        habits: Of all accounts.
        suspects: What `suspects` returned, or some of its accounts.
        tracks: The catalogue, each track once.
        bots: `intruder_known_share` and `journey_known_share` are read.
    """
    spots = habits.spots
    theirs = with_artist(with_spot(plays.semi_join(suspects, c.USER_ID)), tracks)
    usual = theirs.semi_join(spots.filter(spots.rank == 0), SPOT_KEY)
    heard = usual.group_by([c.USER_ID, "artist"]).agg(
        plays=usual.count(), is_again=usual[c.DAY].nunique() > 1
    )
    again = heard.group_by(c.USER_ID).agg(
        again=heard.is_again.ifelse(heard.plays, 0).sum() / heard.plays.sum()
    )
    known = heard.select(c.USER_ID, "artist", is_known=True)
    abroad = theirs.semi_join(suspects, SPOT_KEY).left_join(known, [c.USER_ID, "artist"])
    stays = abroad.group_by(list(SPOT_KEY)).agg(
        known=abroad.is_known.fill_null(False).mean(),
        begins=abroad[c.TIMESTAMP].min(),
        ends=abroad[c.TIMESTAMP].max(),
    )
    tastes = _with_meanwhile(stays, usual).inner_join(again, c.USER_ID)
    most = tastes.is_meanwhile.ifelse(bots.intruder_known_share, bots.journey_known_share)
    found = tastes.filter(tastes.known <= most * tastes.again)
    found = found.mutate(measure=(found.again > 0).ifelse(found.known / found.again, 0.0))
    return held(with_spot(habits.hours).inner_join(found.select(*SPOT_KEY, "measure"), SPOT_KEY), INTRUDER)


def _with_meanwhile(stays: ir.Table, usual: ir.Table) -> ir.Table:
    """Add `is_meanwhile`: whether the usual place was played at between the first and the last play of a stay elsewhere."""
    acts = stays.inner_join(usual.select(c.USER_ID, at=usual[c.TIMESTAMP]), c.USER_ID)
    between = acts.filter((acts.at > acts.begins) & (acts.at < acts.ends)).select(*SPOT_KEY).distinct()
    rows = stays.left_join(between.mutate(is_there=True), SPOT_KEY)
    return rows.mutate(is_meanwhile=rows.is_there.fill_null(False)).select(*stays.columns, "is_meanwhile")


@composed
def impossible_travel(habits: Habits, bots: BotSettings) -> ir.Table:
    """Find days on which an account is in one country and again in another sooner than anybody gets there.

    `measure` is the number of such travels; one or two are a border, or a network that ends abroad.
    """
    spots = habits.spots
    abroad = spots.filter((spots.rank > 0) & spots[IS_COUNTRY])
    theirs = habits.days.semi_join(abroad, c.USER_ID)
    days = theirs.group_by([c.USER_ID, c.DAY]).agg(measure=theirs.travels.sum().cast("float64"))
    found = days.filter(days.measure >= bots.travel_jumps)
    there = with_spot(habits.hours).semi_join(abroad, SPOT_KEY)
    return held(there.inner_join(found, [c.USER_ID, c.DAY]), IMPOSSIBLE_TRAVEL)
