"""Rules that tell somebody else on a listener's account from the listener, and a listener abroad from both.

They return what those of `bot_rules` do, and only hours away from the account's usual place: its owner's own stay.
"""

from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.activity import held, with_artist
from crossfade.lake.portable import milliseconds
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings

INTRUDER: Final = "intruder"
IMPOSSIBLE_TRAVEL: Final = "impossible_travel"

# The country of a play, or its device where the country is not known.
_SPOT: Final = "spot"
_IS_COUNTRY: Final = "is_country"
_SPOT_KEY: Final = (c.USER_ID, _SPOT)


def intruders(plays: ir.Table, hours: ir.Table, tracks: ir.Table, bots: BotSettings) -> ir.Table:
    """Find foreign places where an account plays almost nobody whom it plays at its usual one.

    Who travels takes their taste along. A device alone is no foreign place, since people own several: there, plays must also
    have begun while the account was still playing elsewhere. `measure` is the share of the place's plays whose artist the
    account plays at its usual place, too.
    """
    spots = _spots(hours)
    foreign = spots.filter((spots.rank > 0) & (spots.listens >= bots.intruder_plays))
    theirs = with_artist(_with_spot(plays.semi_join(foreign, c.USER_ID)), tracks)
    usual = theirs.semi_join(spots.filter(spots.rank == 0), _SPOT_KEY).select(c.USER_ID, "artist").distinct()
    known = usual.mutate(is_known=True)
    abroad = theirs.semi_join(foreign, _SPOT_KEY).left_join(known, [c.USER_ID, "artist"])
    tastes = abroad.group_by([*_SPOT_KEY, _IS_COUNTRY]).agg(measure=abroad.is_known.fill_null(False).mean())
    jumps = _jumps(theirs, minutes=0).group_by(list(_SPOT_KEY)).agg(jumps=ibis._.count())
    told = tastes.left_join(jumps, _SPOT_KEY)
    is_elsewhere = told[_IS_COUNTRY] | (told.jumps.fill_null(0) >= bots.intruder_jumps)
    found = told.filter((told.measure <= bots.intruder_known_share) & is_elsewhere)
    return held(_with_spot(hours).inner_join(found.select(*_SPOT_KEY, "measure"), _SPOT_KEY), INTRUDER)


def impossible_travel(plays: ir.Table, hours: ir.Table, bots: BotSettings) -> ir.Table:
    """Find days on which an account is in one country and again in another sooner than anybody gets there.

    `measure` is the number of such jumps; one or two are a border, or a network that ends abroad.
    """
    spots = _spots(hours)
    abroad = spots.filter((spots.rank > 0) & spots[_IS_COUNTRY])
    theirs = _with_spot(plays.semi_join(abroad, c.USER_ID))
    jumps = _jumps(theirs.filter(theirs[_IS_COUNTRY]), minutes=bots.travel_minutes)
    days = jumps.group_by([c.USER_ID, c.DAY]).agg(measure=jumps.count().cast("float64"))
    found = days.filter(days.measure >= bots.travel_jumps)
    there = _with_spot(hours).semi_join(abroad, _SPOT_KEY)
    return held(there.inner_join(found, [c.USER_ID, c.DAY]), IMPOSSIBLE_TRAVEL)


def _with_spot(rows: ir.Table) -> ir.Table:
    is_country = rows[c.COUNTRY] != ""
    return rows.mutate(**{_SPOT: is_country.ifelse(rows[c.COUNTRY], rows[c.DEVICE]), _IS_COUNTRY: is_country})


def _spots(hours: ir.Table) -> ir.Table:
    """Return the spots of accounts that have several, with their listens and `rank`: 0 was used over the longest time."""
    rows = _with_spot(hours)
    spots = rows.group_by([*_SPOT_KEY, _IS_COUNTRY]).agg(
        listens=rows.listens.sum(), first=rows[c.HOUR].min(), last=rows[c.HOUR].max()
    )
    span = milliseconds(spots.last) - milliseconds(spots.first)
    order = [span.desc(), spots.listens.desc(), spots[_SPOT], spots[_IS_COUNTRY]]
    ranked = spots.mutate(rank=ibis.row_number().over(group_by=spots[c.USER_ID], order_by=order))
    return ranked.semi_join(ranked.filter(ranked.rank == 1), c.USER_ID)


def _jumps(plays: ir.Table, *, minutes: int) -> ir.Table:
    """Return the plays that begin elsewhere sooner than so many minutes after the end of the account's play before them."""
    order = [plays[name] for name in (c.TIMESTAMP, c.TRACK_ID, _SPOT, c.PLAYED_MS)]
    before = ibis.window(group_by=plays[c.USER_ID], order_by=order)
    since_ms = milliseconds(plays[c.TIMESTAMP]) - milliseconds(plays[c.TIMESTAMP].lag().over(before))
    least_ms = plays[c.PLAYED_MS].lag().over(before).fill_null(0) + 60_000 * minutes
    is_jump = (plays[_SPOT] != plays[_SPOT].lag().over(before)) & (since_ms < least_ms)
    return plays.mutate(is_jump=is_jump.fill_null(False)).filter(lambda t: t.is_jump)
