"""Who listens, and why: the cohort of a listener, the surface that had shown a track, and a sample of those who listen."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.days import midnight, with_day
from crossfade.lake.engine import Engine
from crossfade.schema import columns as c
from crossfade.schema.tables import EventType
from monitoring.drift.measures import COHORT
from monitoring.drift.series import WEEK_DAYS

NEW: Final = "new"
CASUAL: Final = "casual"
HEAVY: Final = "heavy"
HEAVY_LISTENS: Final = 50  # in the week before a day
SHOWN_DAYS: Final = 7  # a playlist is there for a week

_BEFORE: Final = "listens_before"
_PLACE: Final = "place"
_SHOWN_AT: Final = "shown_at"


def with_cohort(rows: ir.Table, events: ir.Table, days: Sequence[date], known_from: date) -> ir.Table:
    """Add `cohort` by the listens of the week before the day: none is new (or back), from `HEAVY_LISTENS` on heavy, else casual.

    The week before has one of each weekday, so that cohorts know no season.

    Args:
        rows: With user_id and day.
        events: Silver events, of the week before the days, too.
        days: First to last.
        known_from: First day whose week before is in the lake; cohorts of earlier ones are null.
    """
    before = _listens_before(events, days)
    cohort = ibis.cases(
        (before[c.DAY] < ibis.literal(known_from), ibis.null("string")),
        (before[_BEFORE] == 0, NEW),
        (before[_BEFORE] < HEAVY_LISTENS, CASUAL),
        else_=HEAVY,
    )
    told = before.select(c.USER_ID, c.DAY, **{COHORT: cohort})
    return rows.left_join(told, [c.USER_ID, c.DAY]).select(*rows.columns, COHORT)


def _listens_before(events: ir.Table, days: Sequence[date]) -> ir.Table:
    """Return user_id, day and how much was listened to in the week before, for each day on which a user did anything."""
    first, until = days[0] - timedelta(days=WEEK_DAYS), days[-1] + timedelta(days=1)
    timed = events.filter((events[c.TIMESTAMP] >= midnight(first)) & (events[c.TIMESTAMP] < midnight(until)))
    daily = with_day(timed)
    number = (daily[c.EVENT_TYPE] == str(EventType.LISTEN)).cast("int64").sum()
    counts = daily.group_by([c.USER_ID, c.DAY]).agg(n=number)
    counts = counts.mutate(**{_PLACE: counts[c.DAY].delta(ibis.literal(first), unit="day").cast("int64")})
    week = ibis.trailing_range_window(WEEK_DAYS, group_by=c.USER_ID, order_by=_PLACE)
    return counts.mutate(**{_BEFORE: counts.n.sum().over(week) - counts.n})


def with_surface(rows: ir.Table, events: ir.Table, days: Sequence[date]) -> ir.Table:
    """Fill `surface` of events that do not name one by where the track was shown to the user last, in the week before.

    Args:
        rows: Events with event_id.
        events: Silver events; their exposures are read, of the week before the days, too.
        days: First to last.
    """
    first, until = days[0] - timedelta(days=SHOWN_DAYS), days[-1] + timedelta(days=1)
    exposures = events.filter(
        (events[c.EVENT_TYPE] == str(EventType.EXPOSURE))
        & events[c.SURFACE].notnull()
        & (events[c.TIMESTAMP] >= midnight(first))
        & (events[c.TIMESTAMP] < midnight(until))
    )
    shown = exposures.select(
        c.USER_ID, c.TRACK_ID, shown_on=exposures[c.SURFACE], **{_SHOWN_AT: exposures[c.TIMESTAMP]}
    )
    asked = rows.filter(rows[c.SURFACE].isnull() & (rows[c.EVENT_TYPE] != str(EventType.EXPOSURE)))
    pairs = asked.select(c.EVENT_ID, c.USER_ID, c.TRACK_ID, c.TIMESTAMP).inner_join(
        shown, [c.USER_ID, c.TRACK_ID]
    )
    since = pairs[_SHOWN_AT] + ibis.interval(days=SHOWN_DAYS)
    due = pairs.filter((pairs[_SHOWN_AT] <= pairs[c.TIMESTAMP]) & (pairs[c.TIMESTAMP] < since))
    newest = due.group_by(c.EVENT_ID).agg(shown_on=due.shown_on.argmax(due[_SHOWN_AT]))
    found = rows.left_join(newest, c.EVENT_ID)
    return found.mutate(**{c.SURFACE: found[c.SURFACE].coalesce(found.shown_on)}).select(rows.columns)


def sampled(events: ir.Table, session: Engine, since: date, most: int) -> pa.Array:
    """Return the ids of so many users who listened since a day, drawn by the hash of their id: always the same ones.

    Args:
        events: Silver events.
        session: Computes.
        since: First day.
        most: Users; all where there are fewer.
    """
    recent = events.filter(
        (events[c.TIMESTAMP] >= midnight(since)) & (events[c.EVENT_TYPE] == str(EventType.LISTEN))
    )
    users = recent.select(c.USER_ID).distinct()
    drawn = users.mutate(draw=users[c.USER_ID].hexdigest("md5")).order_by("draw").limit(most)
    return session.rows(drawn.select(c.USER_ID)).column(0).combine_chunks()
