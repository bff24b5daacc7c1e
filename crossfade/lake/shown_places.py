"""Every place of every slate that was shown, with its propensity and whether it was wanted: ibis, so that any engine runs it."""

from datetime import datetime, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.schema import columns as c
from crossfade.schema.tables import EventType

SHOWN: Final = "shown"
WANTED: Final = "wanted"


def shown_places(
    events: ir.Table,
    interactions: ir.Table,
    surface: str,
    *,
    variants: tuple[str, ...],
    since: datetime,
    within: timedelta,
) -> ir.Table:
    """Return user_id, slate_id, position, track_id, propensity, shown and wanted; a slate that is shown again counts once.

    Args:
        events: Silver events; exposures of bots, and those without slate, position, propensity or time are left out.
        interactions: Gold interactions.
        surface: Whose slates.
        variants: Of experiments whose slates are everybody's; those of no experiment always are.
        since: UTC.
        within: A play of the track that was wanted so soon after it was shown makes its place wanted (1, else 0).
    """
    whole = (
        events[name].notnull() for name in (c.SLATE_ID, c.POSITION, c.PROPENSITY, c.TRACK_ID, c.TIMESTAMP)
    )
    exposures = events.filter(
        (events[c.EVENT_TYPE] == str(EventType.EXPOSURE))
        & (events[c.SURFACE] == surface)
        & (events[c.VARIANT].isnull() | events[c.VARIANT].isin(variants))
        & ~events[c.IS_BOT],
        *whole,
    )
    exposures = exposures.filter(exposures[c.TIMESTAMP] >= ibis.literal(since.replace(tzinfo=None)))
    place = [c.USER_ID, c.SLATE_ID, c.POSITION, c.TRACK_ID]
    places = exposures.group_by(place).agg(
        **{c.PROPENSITY: exposures[c.PROPENSITY].min(), SHOWN: exposures[c.TIMESTAMP].min()}
    )
    is_play = (interactions[c.EVENT_TYPE] == str(EventType.LISTEN)) & (interactions[c.STRENGTH] > 0)
    plays = interactions.filter(is_play, interactions[c.TIMESTAMP].notnull())
    played = places.inner_join(
        plays.select(c.USER_ID, c.TRACK_ID, played=plays[c.TIMESTAMP]), [c.USER_ID, c.TRACK_ID]
    )
    soon = played["played"] < played[SHOWN] + ibis.interval(seconds=int(within.total_seconds()))
    wanted = played.filter(played["played"] >= played[SHOWN], soon).select(*place).distinct()
    joined = places.left_join(wanted.mutate(**{WANTED: ibis.literal(1.0)}), place)
    return joined.mutate(**{WANTED: joined[WANTED].fill_null(0.0)}).select(*places.columns, WANTED)
