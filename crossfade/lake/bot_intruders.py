"""Rules that tell somebody else on a listener's account from the listener, and a listener abroad from both.

They return what those of `bot_rules` do, and only hours away from the account's usual place: its owner's own stay.
"""

from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.activity import IS_COUNTRY, SPOT, SPOT_KEY, held, with_artist, with_spot
from crossfade.lake.composing import composed
from crossfade.lake.portable import milliseconds
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings

INTRUDER: Final = "intruder"
IMPOSSIBLE_TRAVEL: Final = "impossible_travel"


@composed
def suspects(hours: ir.Table, bots: BotSettings) -> ir.Table:
    """Return the foreign spots that are worth a look at what is played there: `SPOT_KEY`.

    A device alone is no foreign place, since people own several: there, plays must also have begun while the account was
    still playing elsewhere.
    """
    spots = _spots(hours)
    foreign = spots.filter((spots.rank > 0) & (spots.listens >= bots.intruder_plays))
    is_elsewhere = foreign[IS_COUNTRY] | (foreign.jumps >= bots.intruder_jumps)
    return foreign.filter(is_elsewhere).select(*SPOT_KEY)


@composed
def intruders(
    plays: ir.Table, hours: ir.Table, suspects: ir.Table, tracks: ir.Table, bots: BotSettings
) -> ir.Table:
    """Find foreign places where an account plays almost nobody whom it plays at its usual one.

    Who travels takes their taste along. `measure` is the share of the place's plays whose artist the account plays at its
    usual place, too.

    Args:
        plays: All plays of the accounts among `suspects`; those of others do no harm.
        hours: What `activity.hours` returned.
        suspects: What `suspects` returned, or some of its accounts.
        tracks: The catalogue, each track once.
        bots: `intruder_known_share` is read.
    """
    spots = _spots(hours)
    theirs = with_artist(with_spot(plays.semi_join(suspects, c.USER_ID)), tracks)
    usual = theirs.semi_join(spots.filter(spots.rank == 0), SPOT_KEY).select(c.USER_ID, "artist").distinct()
    known = usual.mutate(is_known=True)
    abroad = theirs.semi_join(suspects, SPOT_KEY).left_join(known, [c.USER_ID, "artist"])
    tastes = abroad.group_by(list(SPOT_KEY)).agg(measure=abroad.is_known.fill_null(False).mean())
    found = tastes.filter(tastes.measure <= bots.intruder_known_share)
    return held(with_spot(hours).inner_join(found.select(*SPOT_KEY, "measure"), SPOT_KEY), INTRUDER)


@composed
def impossible_travel(hours: ir.Table, bots: BotSettings) -> ir.Table:
    """Find days on which an account is in one country and again in another sooner than anybody gets there.

    `measure` is the number of such travels; one or two are a border, or a network that ends abroad.
    """
    spots = _spots(hours)
    abroad = spots.filter((spots.rank > 0) & spots[IS_COUNTRY])
    theirs = hours.semi_join(abroad, c.USER_ID)
    days = theirs.group_by([c.USER_ID, c.DAY]).agg(measure=theirs.travels.sum().cast("float64"))
    found = days.filter(days.measure >= bots.travel_jumps)
    there = with_spot(hours).semi_join(abroad, SPOT_KEY)
    return held(there.inner_join(found, [c.USER_ID, c.DAY]), IMPOSSIBLE_TRAVEL)


def _spots(hours: ir.Table) -> ir.Table:
    """Return the spots of accounts that have several: listens, jumps, and `rank`: 0 was used over the longest time."""
    rows = with_spot(hours)
    spots = rows.group_by([*SPOT_KEY, IS_COUNTRY]).agg(
        listens=rows.listens.sum(),
        jumps=rows.jumps.sum(),
        first=rows[c.HOUR].min(),
        last=rows[c.HOUR].max(),
    )
    span = milliseconds(spots.last) - milliseconds(spots.first)
    order = [span.desc(), spots.listens.desc(), spots[SPOT], spots[IS_COUNTRY]]
    ranked = spots.mutate(rank=ibis.row_number().over(group_by=spots[c.USER_ID], order_by=order))
    return ranked.semi_join(ranked.filter(ranked.rank == 1), c.USER_ID)
