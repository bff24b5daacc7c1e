"""Bronze to silver: one clean row per event or key. Pure functions of ibis tables; any ibis engine runs them."""

import ibis
import ibis.expr.types as ir

from crossfade.lake.bots import marked
from crossfade.lake.composing import composed
from crossfade.lake.portable import first_of
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.tables import EVENTS, TRACKS, Table

ROW = (c.SOURCE_FILE, c.SOURCE_ROW, c.IMPORTED_AT)  # what tells bronze rows apart


@composed
def same_ids(bronze: ir.Table) -> ir.Table:
    """Return the rows, as `ROW`, whose event id stands in another row too, all but the fullest of each id."""
    ids = bronze.group_by(c.EVENT_ID).agg(num_rows=bronze.count())
    among = bronze.semi_join(ids.filter(ids.num_rows > 1), c.EVENT_ID).select(bronze.columns)
    return _all_but_fullest(among, [among[c.EVENT_ID]])


@composed
def exact_repeats(bronze: ir.Table, dropped: ir.Table) -> ir.Table:
    """Return the rows, as `ROW`, that repeat another one's user, track, second, type and slate, all but the fullest of each.

    Without a time a repeat cannot be told from another play: such rows count by their event ids alone.

    Args:
        bronze: Bronze events.
        dropped: Rows that do not count any more, as `ROW`.
    """
    rows = bronze.anti_join(dropped, ROW).select(bronze.columns)
    timed = rows.mutate(second=rows[c.TIMESTAMP].truncate("s")).filter(lambda t: t.second.notnull())
    # Few users do two things in one second; only those rows are looked at closely.
    busy = timed.group_by([c.USER_ID, "second"]).agg(num_rows=timed.count())
    among = timed.semi_join(busy.filter(busy.num_rows > 1), [c.USER_ID, "second"]).select(timed.columns)
    subject = among[c.TRACK_ID].coalesce(among[c.ARTIST_ID])
    return _all_but_fullest(
        among, [among[c.USER_ID], among.second, subject, among[c.EVENT_TYPE], among[c.SLATE_ID]]
    )


def _all_but_fullest(rows: ir.Table, key: list[ir.Value]) -> ir.Table:
    """Return the rows, as `ROW`, that another row of the same key says more than."""
    more = (rows[c.PLAYED_MS].desc(nulls_first=False), rows[c.PLAYED_SHARE].desc(nulls_first=False))
    order = [*more, *(rows[name].asc() for name in (c.EVENT_ID, *ROW))]
    place = ibis.row_number().over(group_by=key, order_by=order)
    return rows.mutate(place=place).filter(lambda t: t.place > 0).select(*ROW)


@composed
def sessions(bronze: ir.Table, dropped: ir.Table, settings: LakeSettings) -> ir.Table:
    """Put every timed event into a session, the source's own or else a new one after a pause, at a position.

    A made session's id is the user and the UTC second at which it started: it stays the same when later events arrive.
    Positions count from 0 within an unbroken run, so that two sessions of one user at a time restart each other.

    Args:
        bronze: Bronze events.
        dropped: What `same_ids` and `exact_repeats` found.
        settings: `session_gap_minutes` is read.

    Returns:
        event_id, session_id, session_position (int32, null without a timestamp).
    """
    rows = bronze.anti_join(dropped, ROW).select(c.EVENT_ID, c.USER_ID, c.TIMESTAMP, c.SESSION_ID)
    in_order = ibis.window(group_by=rows[c.USER_ID], order_by=[rows[c.TIMESTAMP], rows[c.EVENT_ID]])
    last, last_session = rows[c.TIMESTAMP].lag().over(in_order), rows[c.SESSION_ID].lag().over(in_order)
    pause = rows[c.TIMESTAMP] > last + ibis.interval(minutes=settings.session_gap_minutes)
    own = rows[c.SESSION_ID].notnull()
    starts = last.isnull() | own.ifelse(
        rows[c.SESSION_ID] != last_session.coalesce(""), pause | last_session.notnull()
    )
    rows = rows.mutate(starts=starts, place=ibis.row_number().over(in_order))
    until_now = ibis.cumulative_window(
        group_by=rows[c.USER_ID], order_by=[rows[c.TIMESTAMP], rows[c.EVENT_ID]]
    )
    begun = rows.starts.ifelse(rows[c.TIMESTAMP], ibis.null(rows[c.TIMESTAMP].type())).max().over(until_now)
    first_place = rows.starts.ifelse(rows.place, ibis.null("int64")).max().over(until_now)
    # No letters in the patterns: engines read them differently.
    made = rows[c.USER_ID] + "@" + begun.strftime("%Y-%m-%d") + "T" + begun.strftime("%H:%M:%S") + "Z"
    is_timed = rows[c.TIMESTAMP].notnull()
    session = rows[c.SESSION_ID].coalesce(is_timed.ifelse(made, ibis.null(str)))
    position = is_timed.ifelse((rows.place - first_place).cast("int32"), ibis.null("int32"))
    return rows.select(c.EVENT_ID, **{c.SESSION_ID: session, c.SESSION_POSITION: position})


@composed
def events(bronze: ir.Table, dropped: ir.Table, sessions: ir.Table, flags: ir.Table) -> ir.Table:
    """Return events without repeats, in sessions, marked where they are not a listener's.

    Args:
        bronze: Bronze events with `arrived_at` (`arrivals.with_arrival`).
        dropped: What `same_ids` and `exact_repeats` found.
        sessions: What `sessions` made.
        flags: What `bots.flags` found.

    Returns:
        The canonical columns, `session_position`, `is_bot` and `arrived_at`.
    """
    own = [name for name in EVENTS.schema.names if name != c.SESSION_ID]
    once = marked(bronze.anti_join(dropped, ROW), flags).select(*own, c.IS_BOT, c.ARRIVED_AT)
    return once.inner_join(sessions, c.EVENT_ID)


@composed
def newest(bronze: ir.Table, table: Table) -> ir.Table:
    """Return the row of each key that was imported last; of one import's, the last of its file.

    Args:
        bronze: Canonical columns and `ROW`.
        table: A canonical table whose key is its first required column.

    Returns:
        The canonical columns.
    """
    order = [bronze[name].desc() for name in (c.IMPORTED_AT, c.SOURCE_FILE, c.SOURCE_ROW)]
    last = ibis.row_number().over(group_by=table.required[0], order_by=order)
    return bronze.mutate(place=last).filter(lambda t: t.place == 0).select(table.schema.names)


@composed
def heard_tracks(events: ir.Table) -> ir.Table:
    """Return which tracks events name, by which artist (or null), and how often: track_id, artist_id, num_events.

    Args:
        events: Silver events.
    """
    named = events.filter(events[c.TRACK_ID].notnull())
    return named.group_by([c.TRACK_ID, c.ARTIST_ID]).agg(num_events=named.count())


@composed
def heard_tracks_by_days(earlier: ir.Table, before: ir.Table, now: ir.Table) -> ir.Table:
    """Return `heard_tracks` from what it was, and what it is of replaced days, before and now."""
    gone = before.mutate(num_events=-before.num_events)
    rows = earlier.union(gone.select(earlier.columns)).union(now.select(earlier.columns))
    sums = rows.group_by([c.TRACK_ID, c.ARTIST_ID]).agg(num_events=rows.num_events.sum())
    return sums.filter(sums.num_events > 0)


@composed
def tracks(bronze: ir.Table, artists: ir.Table, heard: ir.Table, implied: ir.Table) -> ir.Table:
    """Return the catalogue: imported tracks, and implied ones that only events or playlists name.

    Args:
        bronze: Bronze tracks.
        artists: Silver artists.
        heard: What `heard_tracks` returned; its artist fills in where the catalogue names none.
        implied: What `implied_tracks` returned.

    Returns:
        The canonical columns and `artist_id`, the first of `artist_ids`; `artist_name` comes from the artists where missing.
    """
    known = newest(bronze, TRACKS)
    missing = [name for name in TRACKS.schema.names if name != c.TRACK_ID]
    rows = known.union(
        implied.mutate(**{name: ibis.null(known[name].type()) for name in missing}).select(known.columns)
    )
    rows = rows.left_join(_first_artists(heard), c.TRACK_ID).drop(f"{c.TRACK_ID}_right")
    heard_artist = (
        rows[c.ARTIST_ID].notnull().ifelse(ibis.array([rows[c.ARTIST_ID]]), ibis.null("array<string>"))
    )
    has_artists = (rows[c.ARTIST_IDS].length() > 0).fill_null(False)
    rows = rows.mutate(**{c.ARTIST_IDS: has_artists.ifelse(rows[c.ARTIST_IDS], heard_artist)})
    rows = rows.mutate(**{c.ARTIST_ID: first_of(rows[c.ARTIST_IDS])})
    names = artists.select(c.ARTIST_ID, c.NAME)
    named = rows.left_join(names, c.ARTIST_ID).drop(f"{c.ARTIST_ID}_right")
    return named.mutate(**{c.ARTIST_NAME: named[c.ARTIST_NAME].coalesce(named[c.NAME])}).drop(c.NAME)


@composed
def implied_tracks(bronze: ir.Table, heard: ir.Table, playlists: ir.Table) -> ir.Table:
    """Return the ids of tracks that events (`heard_tracks`) or playlists name and no import described, as `track_id`."""
    listed = playlists.select(**{c.TRACK_ID: playlists[c.TRACK_IDS].unnest()})
    named = heard.select(c.TRACK_ID).union(listed).filter(lambda t: t[c.TRACK_ID].notnull()).distinct()
    return named.anti_join(bronze, c.TRACK_ID)


def _first_artists(heard: ir.Table) -> ir.Table:
    """Return `track_id, artist_id`: the artist that events name for a track (the first by id if they disagree)."""
    known = heard.filter(heard[c.ARTIST_ID].notnull())
    return known.group_by(c.TRACK_ID).agg(**{c.ARTIST_ID: known[c.ARTIST_ID].min()})
