"""How gold's tables, and silver's catalogue, are made from silver: whole, or of the days that were replaced there."""

from typing import Final

import ibis.expr.types as ir

from crossfade.lake import gold, silver
from crossfade.lake.changes import note
from crossfade.lake.days import UNTIMED, Days
from crossfade.lake.layout import HEARD_TRACKS
from crossfade.lake.making import Making, Update, schema_of
from crossfade.lake.typed import typed
from crossfade.schema import columns as c

IMPLIED: Final = "crossfade.rows_implied"
EVENTS: Final = "silver/events"
HEARD: Final = f"silver/{HEARD_TRACKS}"
TRACKS: Final = "silver/tracks"
INTERACTIONS: Final = "gold/interactions"
PROFILES: Final = "gold/user_profiles"


def heard_tracks(making: Making) -> ir.Table:
    """Return `silver.heard_tracks` of all events."""
    return silver.heard_tracks(making.table(EVENTS))


def heard_tracks_update(making: Making) -> ir.Table | None:
    """Return the same, counted on from the earlier numbers by those of replaced days."""
    days = making.replaced(EVENTS)
    before = None if days is None else making.before(EVENTS, days)
    if days is None or before is None:
        return None
    now = silver.heard_tracks(making.table(EVENTS, days))
    return silver.heard_tracks_by_days(making.table(HEARD), silver.heard_tracks(before), now)


def tracks(making: Making) -> ir.Table:
    """Return silver's catalogue, from all that names a track."""
    bronze, artists, heard, playlists = (
        making.table(name) for name in ("bronze/tracks", "silver/artists", HEARD, "silver/playlists")
    )
    implied = making.session.kept("implied", silver.implied_tracks(bronze, heard, playlists))
    making.notes[IMPLIED] = str(making.session.count(implied))
    return silver.tracks(bronze, artists, heard, implied)


def tracks_update(making: Making) -> Update | ir.Table:
    """Return the same, of which nothing has to be written where it is what it was: on most days it is."""
    schema = schema_of(TRACKS)
    now, before = (
        making.session.kept("tracks", typed(tracks(making), schema)),
        typed(making.table(TRACKS), schema),
    )
    is_as_noted = making.notes[IMPLIED] == note(making.lake, TRACKS, IMPLIED)
    if is_as_noted and not making.session.count(before.difference(now).union(now.difference(before))):
        return Update(frozenset(), now)
    return now


def interactions(making: Making) -> ir.Table:
    """Return all interactions."""
    return gold.interactions(making.table(EVENTS), making.table(TRACKS), making.settings.lake)


def interactions_update(making: Making) -> Update | None:
    """Return the interactions of replaced days, and of days with a track whose length is another now."""
    days = _days(making, EVENTS, c.DURATION_MS)
    if days is None or not making.are_few(days, INTERACTIONS):
        return None
    events = making.table(EVENTS, days)
    return Update(days, gold.interactions(events, making.table(TRACKS), making.settings.lake))


def _days(making: Making, source: str, column: str) -> Days | None:
    """Return the days that were replaced, or that hold a track of which a column is another now."""
    days, before = making.replaced(source), making.before(TRACKS)
    if days is None or before is None:
        return None
    if making.is_unchanged(TRACKS):
        return days
    old, new = (table.select(c.TRACK_ID, column) for table in (before, making.table(TRACKS)))
    changed = making.session.kept(f"changed_{column}", old.difference(new).union(new.difference(old)))
    if not making.session.count(changed):
        return days
    return days | making.days(making.table(source).semi_join(changed, c.TRACK_ID).select(c.TIMESTAMP))


def track_days(making: Making) -> ir.Table:
    """Return `gold.track_days` of all interactions."""
    return gold.track_days(making.table(INTERACTIONS))


def track_days_update(making: Making) -> Update | None:
    """Return `gold.track_days` of replaced days."""
    days = making.replaced(INTERACTIONS)
    if days is None or not making.are_few(days, "gold/track_days"):
        return None
    return Update(days - {UNTIMED}, gold.track_days(making.table(INTERACTIONS, days - {UNTIMED})))


def artist_days(making: Making) -> ir.Table:
    """Return `gold.artist_days` of all interactions."""
    return gold.artist_days(making.table(INTERACTIONS), making.table(TRACKS))


def artist_days_update(making: Making) -> Update | None:
    """Return `gold.artist_days` of replaced days, and of days with a track whose artist is another now."""
    days = _days(making, INTERACTIONS, c.ARTIST_ID)
    if days is None or not making.are_few(days, "gold/artist_days"):
        return None
    acts = making.table(INTERACTIONS, days - {UNTIMED})
    return Update(days - {UNTIMED}, gold.artist_days(acts, making.table(TRACKS)))


def user_days(making: Making) -> ir.Table:
    """Return `gold.user_days` of all events."""
    return gold.user_days(making.table(EVENTS), making.table(INTERACTIONS))


def user_days_update(making: Making) -> Update | None:
    """Return `gold.user_days` of replaced days."""
    events, acts = making.replaced(EVENTS), making.replaced(INTERACTIONS)
    if events is None or acts is None or not making.are_few(events | acts, "gold/user_days"):
        return None
    days = events | acts
    rows = gold.user_days(making.table(EVENTS, days), making.table(INTERACTIONS, days))
    return Update(days, rows)


def user_profiles(making: Making) -> ir.Table:
    """Return `gold.user_profiles` of all users."""
    return _profiles(making, gold.num_tracks(making.table(INTERACTIONS)))


def user_profiles_update(making: Making) -> ir.Table | None:
    """Return the same; tracks are counted from the earlier number on, by those of replaced days that are on no other day."""
    days = making.replaced(INTERACTIONS)
    before = None if days is None else making.before(INTERACTIONS, days)
    if days is None or before is None:
        return None
    kept = making.session.kept
    turned = kept("turned_tracks", gold.turned(before, making.table(INTERACTIONS, days)))
    heard = kept("still_heard", gold.still_heard(turned, making.beside(INTERACTIONS, days)))
    return _profiles(making, gold.num_tracks_by_turns(making.table(PROFILES), turned, heard))


def _profiles(making: Making, num_tracks: ir.Table) -> ir.Table:
    return gold.user_profiles(making.table("gold/user_days"), num_tracks, making.table("silver/users"))


def catalogue(making: Making) -> ir.Table:
    """Return silver's tracks in the order of their ids."""
    return making.table(TRACKS).order_by(c.TRACK_ID)
