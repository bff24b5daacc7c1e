"""What the users of an experiment did, one row a user: ibis expressions, so that any engine runs them."""

from datetime import datetime, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.gold import SAVES
from crossfade.schema import columns as c
from crossfade.schema.tables import EventType

FIRST_SHOWN: Final = "first_shown"
VARIANTS: Final = "variants"
PLAYS, POSITIVES, SKIPS, SAVED, DAYS_ACTIVE = "plays", "positives", "skips", "saves", "days_active"
SESSIONS, DISCOVERED, RETURNED = "sessions", "discovered", "returned"
DWELL_SECONDS: Final = "dwell_seconds"
COUNTS: Final = (PLAYS, POSITIVES, SKIPS, SAVED, DAYS_ACTIVE, SESSIONS, DISCOVERED, RETURNED, DWELL_SECONDS)
RETURN_DAYS: Final = 7
BEFORE: Final = "_before"
IN_LIBRARY: Final = "is_in_library"


def shown(events: ir.Table, experiment: str, since: datetime | None = None) -> ir.Table:
    """Return user_id, variant, first_shown, variants, country and device: who was exposed to an experiment, bots left out.

    Args:
        events: Silver events.
        experiment: Its name.
        since: UTC; users who were first shown it earlier count from their first exposure since then.

    Returns:
        One row a user; `variants` above 1 tells that an assignment was not kept; `country` and `device` are null where no
        exposure tells them.
    """
    exposures = events.filter(
        (events[c.EVENT_TYPE] == str(EventType.EXPOSURE))
        & (events[c.EXPERIMENT] == experiment)
        & events[c.VARIANT].notnull()
        & events[c.TIMESTAMP].notnull()
        & ~events[c.IS_BOT]
    )
    if since is not None:
        exposures = exposures.filter(exposures[c.TIMESTAMP] >= ibis.literal(since.replace(tzinfo=None)))
    return exposures.group_by(c.USER_ID).agg(
        **{
            c.VARIANT: exposures[c.VARIANT].min(),
            FIRST_SHOWN: exposures[c.TIMESTAMP].min(),
            VARIANTS: exposures[c.VARIANT].nunique(),
            c.COUNTRY: exposures[c.COUNTRY].min(),
            c.DEVICE: exposures[c.DEVICE].min(),
        }
    )


def before(acts: ir.Table, until: datetime) -> ir.Table:
    """Return the acts before a moment (UTC); those without a time are left out."""
    return acts.filter(acts[c.TIMESTAMP] < ibis.literal(until.replace(tzinfo=None)))


def first_before(users: ir.Table, until: datetime) -> ir.Table:
    """Return those users of `shown` or `everybody` who count from before a moment (UTC) on."""
    return users.filter(users[FIRST_SHOWN] < ibis.literal(until.replace(tzinfo=None)))


def everybody(interactions: ir.Table, since: datetime) -> ir.Table:
    """Return user_id and first_shown of all who did something since a moment: whom a planned experiment would meet."""
    late = interactions.filter(interactions[c.TIMESTAMP] >= ibis.literal(since.replace(tzinfo=None)))
    return late.group_by(c.USER_ID).agg(**{FIRST_SHOWN: late[c.TIMESTAMP].min()})


def behaviour(users: ir.Table, interactions: ir.Table, *, before: timedelta) -> ir.Table:
    """Add to users what they did from their first exposure on, and in the time before it.

    Args:
        users: Of `shown` or `everybody`.
        interactions: Gold interactions.
        before: How much time before the exposure is counted.

    Returns:
        The users with the columns `COUNTS` (but `dwell_seconds`: see `with_dwell`), and these with `_before` behind their names:
        0 for who did nothing. `discovered` are plays of what the user had not saved before; `returned` is 1 for who listened
        `RETURN_DAYS` or more away from the first exposure, on either side of it.
    """
    interactions = with_library(interactions)
    acts = interactions.filter(interactions[c.TIMESTAMP].notnull()).inner_join(
        users.select(c.USER_ID, FIRST_SHOWN), c.USER_ID
    )
    acts = acts.filter(
        acts[c.TIMESTAMP] >= acts[FIRST_SHOWN] - ibis.interval(seconds=int(before.total_seconds()))
    )
    is_after = acts[c.TIMESTAMP] >= acts[FIRST_SHOWN]
    is_listen = acts[c.EVENT_TYPE] == str(EventType.LISTEN)
    is_save = acts[c.EVENT_TYPE].isin([str(kind) for kind in SAVES])
    told = {
        PLAYS: is_listen,
        POSITIVES: is_listen & (acts[c.STRENGTH] > 0),
        SKIPS: is_listen & (acts[c.STRENGTH] < 0),
        SAVED: is_save,
        DISCOVERED: is_listen & ~acts[IN_LIBRARY],
    }
    away = ibis.interval(days=RETURN_DAYS)
    returned = {
        "": acts[c.TIMESTAMP] >= acts[FIRST_SHOWN] + away,
        BEFORE: acts[c.TIMESTAMP] < acts[FIRST_SHOWN] - away,
    }
    sums: dict[str, ir.Value] = {}
    for ending, period in (("", is_after), (BEFORE, ~is_after)):
        sums |= {f"{name}{ending}": (each & period).sum() for name, each in told.items()}
        sums[f"{SESSIONS}{ending}"] = acts[c.SESSION_ID].nunique(where=is_listen & period)
        sums[f"{RETURNED}{ending}"] = (is_listen & returned[ending]).max().cast("int64")
        sums[f"{DAYS_ACTIVE}{ending}"] = acts[c.TIMESTAMP].date().nunique(where=is_listen & period)
    counted = acts.group_by(c.USER_ID).agg(**sums)
    joined = users.left_join(counted, c.USER_ID).drop(f"{c.USER_ID}_right")
    return joined.mutate(**{name: joined[name].fill_null(0).cast("int64") for name in sums})


def with_dwell(users: ir.Table, events: ir.Table, experiment: str | None) -> ir.Table:
    """Add to users how long they listened to tracks that an experiment's slates had shown them, from then on.

    Args:
        users: Of `behaviour`.
        events: Silver events; a listen whose `played_ms` is unknown counts for nothing.
        experiment: Its name; None where no slates are known, as in a plan.

    Returns:
        The users with `dwell_seconds`, and `dwell_seconds_before`, which is 0: nothing had been shown.
    """
    people = events.filter(~events[c.IS_BOT] & events[c.TIMESTAMP].notnull() & events[c.TRACK_ID].notnull())
    is_shown = (people[c.EVENT_TYPE] == str(EventType.EXPOSURE)) & (
        people[c.EXPERIMENT] == (experiment or "")
    )
    slates = people.filter(is_shown)
    shown_since = slates.group_by([c.USER_ID, c.TRACK_ID]).agg(shown_since=slates[c.TIMESTAMP].min())
    listens = people.filter(people[c.EVENT_TYPE] == str(EventType.LISTEN))
    heard = listens.select(c.USER_ID, c.TRACK_ID, c.TIMESTAMP, c.PLAYED_MS).inner_join(
        shown_since, [c.USER_ID, c.TRACK_ID]
    )
    heard = heard.filter(heard[c.TIMESTAMP] >= heard["shown_since"])
    dwelt = heard.group_by(c.USER_ID).agg(dwelt_ms=heard[c.PLAYED_MS].sum())
    joined = users.left_join(dwelt, c.USER_ID)
    seconds = (joined["dwelt_ms"].fill_null(0) / 1000).cast("float64")
    dwells = {DWELL_SECONDS: seconds, DWELL_SECONDS + BEFORE: ibis.literal(0.0)}
    return joined.mutate(**dwells).select(*users.columns, *dwells)


def with_library(interactions: ir.Table) -> ir.Table:
    """Tell of each act whether the user had saved its track before; a save without a time was always there."""
    kinds = [str(kind) for kind in SAVES]
    saves = interactions.filter(interactions[c.EVENT_TYPE].isin(kinds))
    always = ibis.timestamp("1970-01-01")
    since = saves.group_by([c.USER_ID, c.TRACK_ID]).agg(
        saved_since=saves[c.TIMESTAMP].cast("timestamp").coalesce(always).min()
    )
    known = interactions.left_join(since, [c.USER_ID, c.TRACK_ID])
    is_in = (known["saved_since"] < known[c.TIMESTAMP].cast("timestamp")).fill_null(False)
    return known.mutate(**{IN_LIBRARY: is_in}).select(*interactions.columns, IN_LIBRARY)
