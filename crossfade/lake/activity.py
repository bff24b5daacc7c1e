"""What accounts play hour by hour: all that bot rules look at. Pure functions of ibis tables; any ibis engine runs them."""

from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.composing import composed
from crossfade.lake.engine import Keep
from crossfade.lake.portable import bit_or, first_of, milliseconds
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings, LakeSettings
from crossfade.schema.tables import EventType

# Where an account was playing; here these are never null, an unknown one is "".
PLACE: Final = (c.SESSION_ID, c.DEVICE, c.COUNTRY)
HOUR_KEY: Final = (c.USER_ID, c.HOUR, *PLACE)
VISIT_KEY: Final = (c.USER_ID, c.DAY, *PLACE)

# The country of a play, or its device where the country is not known.
SPOT: Final = "spot"
IS_COUNTRY: Final = "is_country"
SPOT_KEY: Final = (c.USER_ID, SPOT)
SUMS: Final = ("listens", "timed", "just_over", "cut", "jumps", "travels")


def hour_key(events: ir.Table) -> dict[str, ir.Value]:
    """Return `HOUR_KEY` of events as columns by name; `hour` is null where there is no timestamp."""
    places = {name: events[name].coalesce("") for name in PLACE}
    return {c.USER_ID: events[c.USER_ID], c.HOUR: events[c.TIMESTAMP].truncate("h"), **places}


@composed
def plays(events: ir.Table) -> ir.Table:
    """Return the listens that have a time: `HOUR_KEY`, day, timestamp, track_id, artist_id, played_ms.

    Args:
        events: Bronze or silver events, each once.
    """
    is_play = (events[c.EVENT_TYPE] == str(EventType.LISTEN)) & events[c.TIMESTAMP].notnull()
    columns = (*HOUR_KEY, c.DAY, c.TIMESTAMP, c.TRACK_ID, c.ARTIST_ID, c.PLAYED_MS)
    rows = events.filter(is_play)
    return rows.mutate(**hour_key(rows), **{c.DAY: rows[c.TIMESTAMP].date()}).select(*columns)


def is_just_over(plays: ir.Table, lake: LakeSettings, bots: BotSettings) -> ir.BooleanValue:
    """Return whether a play of known length ended just after it began to count as wanted."""
    over_ms = plays[c.PLAYED_MS] - lake.positive_ms
    return ((over_ms > 0) & (over_ms <= bots.just_over_ms)).fill_null(False)


@composed
def hour_sums(plays: ir.Table, lake: LakeSettings, bots: BotSettings) -> ir.Table:
    """Sum up listens by account, hour and place: the one pass over all of them that the rules share.

    Args:
        plays: What `plays` returned; an account's day whole or not at all.
        lake: `positive_ms` is read.
        bots: `just_over_ms` is read.

    Returns:
        `HOUR_KEY`, day, listens, timed (of known length), just_over, cut (not longer than `positive_ms`).
    """
    return plays.group_by([*HOUR_KEY, c.DAY]).agg(
        listens=plays.count(),
        timed=plays[c.PLAYED_MS].count(),
        just_over=is_just_over(plays, lake, bots).sum(),
        cut=(plays[c.PLAYED_MS] <= lake.positive_ms).fill_null(False).sum(),
    )


@composed
def moving(sums: ir.Table) -> ir.Table:
    """Return the days on which accounts play at several spots, which few do: user_id, day; only there can they jump.

    Args:
        sums: What `hour_sums` returned.
    """
    rows = with_spot(sums)
    days = rows.group_by([c.USER_ID, c.DAY]).agg(num_spots=rows[SPOT].nunique())
    return days.filter(days.num_spots > 1).select(c.USER_ID, c.DAY)


@composed
def hours(sums: ir.Table, movers: ir.Table, plays: ir.Table, bots: BotSettings) -> ir.Table:
    """Add to sums how often accounts jumped.

    A jump is a play that begins at another spot while the account's play before it, on the same UTC day, is still going on; a
    travel is one between countries sooner than `travel_minutes` after its end.

    Args:
        sums: What `hour_sums` returned.
        movers: What `moving` returned of them.
        plays: Those that were summed up, at least of the movers.
        bots: `travel_minutes` is read.

    Returns:
        What `hour_sums` returned, and jumps and travels.
    """
    theirs = with_spot(plays.semi_join(movers, [c.USER_ID, c.DAY]))
    jumps = _is_jump(theirs, [c.USER_ID, c.DAY], minutes=0)
    travels = theirs[IS_COUNTRY] & _is_jump(
        theirs, [c.USER_ID, c.DAY, IS_COUNTRY], minutes=bots.travel_minutes
    )
    rows = theirs.mutate(is_jump=jumps, is_travel=travels)
    moves = rows.group_by([*HOUR_KEY, c.DAY]).agg(jumps=rows.is_jump.sum(), travels=rows.is_travel.sum())
    found = sums.left_join(moves, [*HOUR_KEY, c.DAY])
    counts = {name: found[name].fill_null(0) for name in ("jumps", "travels")}
    return found.mutate(**counts).select(*sums.columns, *counts)


@dataclass(frozen=True)
class Habits:
    """What accounts play, summed up as far as rules can do with.

    Args:
        hours: What `hours` returned, of all accounts.
        days: What `spot_days` made of them: most rules look no further.
        spots: What `spots` made of these: of the accounts that have several.
    """

    hours: ir.Table
    days: ir.Table
    spots: ir.Table

    @classmethod
    def of(cls, hours: ir.Table, days: ir.Table, homes: ir.Table, kept: Keep) -> "Habits":
        """Sum up days by spots; these sums are kept, since several rules read them.

        Args:
            hours: What `hours` returned.
            days: What `spot_days` made of them.
            homes: What `homes` returned.
            kept: See `Engine.kept`.
        """
        return cls(hours, days, kept("bot_spots", spots(days, homes)))


@composed
def spot_days(hours: ir.Table) -> ir.Table:
    """Sum up hours by account, day and spot.

    Args:
        hours: What `hours` returned.

    Returns:
        user_id, day, spot, is_country, the sums of `hours`, the first and last hour, and `active`: a bit for each hour.
    """
    rows = with_spot(hours)
    sums = {name: rows[name].sum() for name in SUMS}
    hour_bit = ibis.literal(1) << rows[c.HOUR].hour()
    return rows.group_by([c.USER_ID, c.DAY, SPOT, IS_COUNTRY]).agg(
        **sums, first=rows[c.HOUR].min(), last=rows[c.HOUR].max(), active=bit_or(hour_bit)
    )


@composed
def whole_days(days: ir.Table, spots: ir.Table) -> ir.Table:
    """Sum up days over spots; only those of accounts that have several are summed, and the others are read as they are.

    Args:
        days: What `spot_days` returned, of some accounts and hours.
        spots: What `spots` returned, of all of them.

    Returns:
        user_id, day, the sums listens, timed, just_over and cut, and `active`; each account's day once.
    """
    several = days.semi_join(spots, c.USER_ID)
    sums = {name: several[name].sum() for name in ("listens", "timed", "just_over", "cut")}
    summed = several.group_by([c.USER_ID, c.DAY]).agg(**sums, active=bit_or(several.active))
    others = days.anti_join(spots, c.USER_ID).select(summed.columns)
    return others.union(summed.cast(others.schema()))


@composed
def homes(users: ir.Table) -> ir.Table:
    """Return where users live, as far as that is known: user_id, home.

    Args:
        users: The users, each once.
    """
    return users.filter(users[c.COUNTRY].notnull()).select(c.USER_ID, home=users[c.COUNTRY])


@composed
def spots(days: ir.Table, homes: ir.Table) -> ir.Table:
    """Return the spots of accounts that have several: listens, jumps, and `rank`: 0 is the usual one.

    That is the country where the user lives, if they ever play there; else the spot that was used over the longest time.

    Args:
        days: What `spot_days` returned.
        homes: What `homes` returned.
    """
    sums = days.group_by([*SPOT_KEY, IS_COUNTRY]).agg(
        listens=days.listens.sum(), jumps=days.jumps.sum(), first=days["first"].min(), last=days["last"].max()
    )
    found = sums.left_join(homes, c.USER_ID).drop(f"{c.USER_ID}_right")
    span = milliseconds(found["last"]) - milliseconds(found["first"])
    is_home = (found[IS_COUNTRY] & (found[SPOT] == found.home)).fill_null(False)
    order = [is_home.desc(), span.desc(), found.listens.desc(), found[SPOT], found[IS_COUNTRY]]
    ranked = found.mutate(rank=ibis.row_number().over(group_by=found[c.USER_ID], order_by=order))
    return ranked.semi_join(ranked.filter(ranked.rank == 1), c.USER_ID)


@composed
def with_spot(rows: ir.Table) -> ir.Table:
    """Add `spot`, the country of a play or, where it is not known, its device; and `is_country`, which of them it is."""
    is_country = rows[c.COUNTRY] != ""
    return rows.mutate(**{SPOT: is_country.ifelse(rows[c.COUNTRY], rows[c.DEVICE]), IS_COUNTRY: is_country})


def _is_jump(plays: ir.Table, among: list[str], *, minutes: int) -> ir.BooleanValue:
    """Return whether a play begins elsewhere sooner than so many minutes after the end of the one before it in its group."""
    order = [plays[name] for name in (c.TIMESTAMP, c.TRACK_ID, SPOT, c.PLAYED_MS)]
    before = ibis.window(group_by=[plays[name] for name in among], order_by=order)
    since_ms = milliseconds(plays[c.TIMESTAMP]) - milliseconds(plays[c.TIMESTAMP].lag().over(before))
    least_ms = plays[c.PLAYED_MS].lag().over(before).fill_null(0) + 60_000 * minutes
    return ((plays[SPOT] != plays[SPOT].lag().over(before)) & (since_ms < least_ms)).fill_null(False)


@composed
def with_artist(plays: ir.Table, tracks: ir.Table) -> ir.Table:
    """Add `artist`: the one that the event names, or else the catalogue's first, or else the track.

    Args:
        plays: A few of what `plays` returned; all of them would be a join of all listens.
        tracks: The catalogue, each track once: track_id, artist_ids.
    """
    listed = tracks.select(c.TRACK_ID, listed=first_of(tracks[c.ARTIST_IDS]))
    rows = plays.left_join(listed, c.TRACK_ID).drop(f"{c.TRACK_ID}_right")
    return rows.mutate(artist=rows[c.ARTIST_ID].coalesce(rows.listed, rows[c.TRACK_ID])).drop("listed")


@composed
def held(hours: ir.Table, rule: str) -> ir.Table:
    """Return what a rule holds against accounts: `HOUR_KEY`, listens, measure, rule."""
    return hours.select(*HOUR_KEY, "listens", c.MEASURE).mutate(**{c.RULE: ibis.literal(rule)})
