"""What users did on each day since they were first shown something, and whose picks they played, as ibis expressions."""

from typing import Final

import ibis.expr.types as ir

from crossfade.lake.gold import SAVES
from crossfade.lake.participants import (
    DISCOVERED,
    DWELL_SECONDS,
    FIRST_SHOWN,
    IN_LIBRARY,
    PLAYS,
    POSITIVES,
    SAVED,
    SESSIONS,
    SKIPS,
    with_library,
)
from crossfade.schema import columns as c
from crossfade.schema.tables import EventType

DAY: Final = "day"
DAILY: Final = (PLAYS, POSITIVES, SKIPS, SAVED, DISCOVERED, SESSIONS, DWELL_SECONDS)
SECONDS_PER_DAY: Final = 86_400


def days_since(users: ir.Table, interactions: ir.Table, events: ir.Table, experiment: str) -> ir.Table:
    """Return user_id, day and the counts `DAILY`: one row for each day on which a user did something.

    Args:
        users: With user_id and first_shown.
        interactions: Gold interactions.
        events: Silver events, for the time listened to what the experiment's slates had shown.
        experiment: Its name; "" where there is none.

    Returns:
        `day` is 0 for the 24 hours from the first exposure on; what happened before is left out.
    """
    acts = _on_days(with_library(interactions), users)
    is_listen = acts[c.EVENT_TYPE] == str(EventType.LISTEN)
    acted = acts.group_by([c.USER_ID, DAY]).agg(
        **{
            PLAYS: is_listen.sum(),
            POSITIVES: (is_listen & (acts[c.STRENGTH] > 0)).sum(),
            SKIPS: (is_listen & (acts[c.STRENGTH] < 0)).sum(),
            SAVED: acts[c.EVENT_TYPE].isin([str(kind) for kind in SAVES]).sum(),
            DISCOVERED: (is_listen & ~acts[IN_LIBRARY]).sum(),
            SESSIONS: acts[c.SESSION_ID].nunique(where=is_listen),
        }
    )
    heard = _heard_of_slates(events, experiment)
    dwelt = _on_days(heard, users)
    dwelt = dwelt.group_by([c.USER_ID, DAY]).agg(dwelt_ms=dwelt[c.PLAYED_MS].sum())
    joined = acted.left_join(dwelt, [c.USER_ID, DAY])
    seconds = (joined["dwelt_ms"].fill_null(0) / 1000).cast("float64")
    return joined.mutate(**{DWELL_SECONDS: seconds}).select(*acted.columns, DWELL_SECONDS)


def picks_played(events: ir.Table, interactions: ir.Table, experiment: str) -> ir.Table:
    """Return user_id, variant and plays of interleaved slates: those of one id whose places name several variants.

    A place's variant is the one whose pick it was; a wanted play from the exposure on counts for it.

    Args:
        events: Silver events.
        interactions: Gold interactions.
        experiment: Its name.

    Returns:
        One row for each user and variant, 0 where none of its picks was played.
    """
    places = _exposures(events, experiment)
    places = places.filter(places[c.SLATE_ID].notnull() & places[c.VARIANT].notnull())
    of_slates = places.group_by([c.USER_ID, c.SLATE_ID]).agg(teams=places[c.VARIANT].nunique())
    mixed = places.semi_join(of_slates.filter(of_slates["teams"] > 1), [c.USER_ID, c.SLATE_ID])
    picks = mixed.group_by([c.USER_ID, c.VARIANT, c.TRACK_ID]).agg(picked=mixed[c.TIMESTAMP].min())
    is_wanted = (interactions[c.EVENT_TYPE] == str(EventType.LISTEN)) & (interactions[c.STRENGTH] > 0)
    plays = interactions.filter(is_wanted, interactions[c.TIMESTAMP].notnull())
    plays = plays.select(c.USER_ID, c.TRACK_ID, played=plays[c.TIMESTAMP])
    joined = picks.left_join(plays, [c.USER_ID, c.TRACK_ID])
    return joined.group_by([c.USER_ID, c.VARIANT]).agg(
        **{PLAYS: (joined["played"] >= joined["picked"]).fill_null(False).sum()}
    )


def _on_days(acts: ir.Table, users: ir.Table) -> ir.Table:
    """Add `day` to the acts of users from their first exposure on."""
    known = acts.filter(acts[c.TIMESTAMP].notnull()).inner_join(
        users.select(c.USER_ID, FIRST_SHOWN), c.USER_ID
    )
    known = known.filter(known[c.TIMESTAMP] >= known[FIRST_SHOWN])
    seconds = known[c.TIMESTAMP].epoch_seconds() - known[FIRST_SHOWN].epoch_seconds()
    return known.mutate(**{DAY: (seconds / SECONDS_PER_DAY).floor().cast("int64")})


def _exposures(events: ir.Table, experiment: str) -> ir.Table:
    is_shown = (events[c.EVENT_TYPE] == str(EventType.EXPOSURE)) & (events[c.EXPERIMENT] == experiment)
    return events.filter(
        is_shown, ~events[c.IS_BOT], events[c.TIMESTAMP].notnull(), events[c.TRACK_ID].notnull()
    )


def _heard_of_slates(events: ir.Table, experiment: str) -> ir.Table:
    """Return user_id, timestamp and played_ms of listens to what slates had shown their listener before."""
    slates = _exposures(events, experiment)
    since = slates.group_by([c.USER_ID, c.TRACK_ID]).agg(since=slates[c.TIMESTAMP].min())
    is_listen = (events[c.EVENT_TYPE] == str(EventType.LISTEN)) & ~events[c.IS_BOT]
    listens = events.filter(is_listen, events[c.TIMESTAMP].notnull(), events[c.TRACK_ID].notnull())
    heard = listens.select(c.USER_ID, c.TRACK_ID, c.TIMESTAMP, c.PLAYED_MS).inner_join(
        since, [c.USER_ID, c.TRACK_ID]
    )
    return heard.filter(heard[c.TIMESTAMP] >= heard["since"]).select(c.USER_ID, c.TIMESTAMP, c.PLAYED_MS)
