"""Silver to gold: what training reads. Pure functions of ibis tables; any ibis engine runs them."""

import ibis
import ibis.expr.types as ir

from crossfade.lake.composing import composed
from crossfade.lake.days import UNTIMED, with_day
from crossfade.lake.layout import GOLD_SCHEMAS, USER_DAYS
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.tables import USERS, EventType

SAVES = (EventType.SAVE, EventType.LIKE, EventType.ADD_TO_PLAYLIST)
INTERACTIONS = (EventType.LISTEN, *SAVES, EventType.DISLIKE)
# Of a play whose share alone is known, this much counts as an early skip (the 2 s of a track of 100 s).
EARLY_SHARE = 0.02
_PAIR = (c.USER_ID, c.TRACK_ID)


@composed
def interactions(events: ir.Table, tracks: ir.Table, settings: LakeSettings) -> ir.Table:
    """Return what people did with tracks, with how much they wanted it.

    A play over `positive_ms` or over `positive_share`, or one of unknown length, has strength 1. Other plays run from -1 at
    `early_skip_ms` to 0 at `late_skip_ms`; where only the share is known, the track's duration turns it into time, and
    without a duration it runs from -1 at a share of 0.02 to 0 at `positive_share`. Saves, likes and playlist adds have
    `save_strength`, dislikes minus that. Follows and exposures are no interactions, and bots are left out.

    Args:
        events: Silver events.
        tracks: Silver tracks.
        settings: Lengths in ms, shares and the strength of a save.

    Returns:
        user_id, track_id, timestamp, strength (float32), session_id, event_type, device, shuffle, context, arrived_at.
    """
    wanted = events[c.EVENT_TYPE].isin([str(kind) for kind in INTERACTIONS])
    acts = events.filter(wanted & ~events[c.IS_BOT] & events[c.TRACK_ID].notnull())
    acts = acts.left_join(tracks.select(c.TRACK_ID, c.DURATION_MS), c.TRACK_ID)
    kind = acts[c.EVENT_TYPE]
    saved = kind.isin([str(each) for each in SAVES])
    strength = ibis.cases(
        (saved, settings.save_strength),
        (kind == str(EventType.DISLIKE), -settings.save_strength),
        else_=_listen_strength(acts, settings),
    )
    what = (c.USER_ID, c.TRACK_ID, c.TIMESTAMP, c.STRENGTH, c.SESSION_ID, c.EVENT_TYPE)
    columns = (*what, *c.SITUATION, c.ARRIVED_AT)
    return acts.mutate(**{c.STRENGTH: strength.cast("float32")}).select(*columns)


def _listen_strength(listens: ir.Table, settings: LakeSettings) -> ir.FloatingValue:
    share = listens[c.PLAYED_SHARE]
    played_ms = listens[c.PLAYED_MS].coalesce(share * listens[c.DURATION_MS])
    is_long = (played_ms > settings.positive_ms).fill_null(False) | (
        share > settings.positive_share
    ).fill_null(False)
    unknown = played_ms.isnull() & share.isnull()
    skip_range_ms = max(settings.late_skip_ms - settings.early_skip_ms, 1)
    by_time = (played_ms - settings.late_skip_ms) / float(skip_range_ms)
    by_share = (share - settings.positive_share) / max(settings.positive_share - EARLY_SHARE, 0.01)
    skipped = by_time.coalesce(by_share).clip(lower=-1.0, upper=0.0)
    return (is_long | unknown).ifelse(1.0, skipped)


@composed
def track_days(interactions: ir.Table) -> ir.Table:
    """Return one row per track and UTC day: listens, listeners, positives, early_skips, saves."""
    return _days(interactions, c.TRACK_ID)


@composed
def artist_days(interactions: ir.Table, tracks: ir.Table) -> ir.Table:
    """Like `track_days`, per primary artist."""
    known = interactions.inner_join(tracks.select(c.TRACK_ID, c.ARTIST_ID), c.TRACK_ID)
    return _days(known.filter(known[c.ARTIST_ID].notnull()), c.ARTIST_ID)


def _days(acts: ir.Table, key: str) -> ir.Table:
    timed = acts.filter(acts[c.TIMESTAMP].notnull())
    timed = timed.mutate(**{c.DAY: timed[c.TIMESTAMP].date()})
    is_listen = timed[c.EVENT_TYPE] == str(EventType.LISTEN)
    days = timed.group_by([key, c.DAY]).agg(
        listens=is_listen.sum(),
        listeners=timed[c.USER_ID].nunique(where=is_listen),
        positives=(is_listen & (timed[c.STRENGTH] > 0)).sum(),
        early_skips=(is_listen & (timed[c.STRENGTH] < 0)).sum(),
        saves=_is_save(timed).sum(),
    )
    return days.order_by([key, c.DAY])


@composed
def user_days(events: ir.Table, interactions: ir.Table) -> ir.Table:
    """Return one row per user and UTC day on which anything of theirs but bots' was seen; `day` is null without a time.

    Args:
        events: Silver events, days whole or not at all.
        interactions: Gold interactions of the same days.

    Returns:
        user_id, day, listens, skips (of them early), saves, first_listen, last_listen, and the country of the day's first event
        that names one.
    """
    people = with_day(events.filter(~events[c.IS_BOT]))
    order = [people[c.COUNTRY].isnull(), people[c.TIMESTAMP], people[c.EVENT_ID]]
    place = ibis.row_number().over(group_by=[people[c.USER_ID], people[c.DAY]], order_by=order)
    days = people.mutate(place=place).filter(lambda t: t.place == 0).select(c.USER_ID, c.DAY, c.COUNTRY)
    rows = days.left_join(_habits(with_day(interactions)), [c.USER_ID, c.DAY])
    counts = {name: rows[name].fill_null(0) for name in ("listens", "skips", "saves")}
    day = (rows[c.DAY] == ibis.literal(UNTIMED)).ifelse(ibis.null("date"), rows[c.DAY])
    return rows.mutate(**counts, **{c.DAY: day}).select(GOLD_SCHEMAS[USER_DAYS].names)


@composed
def user_profiles(days: ir.Table, num_tracks: ir.Table, users: ir.Table) -> ir.Table:
    """Return one row per user of the events or the users table, by user id.

    Args:
        days: What `user_days` returned; the country of a user's first event there counts where the users table has none, since
            later ones would tell a training run what it may not know yet.
        num_tracks: What `num_tracks` returned.
        users: Silver users.

    Returns:
        The canonical user columns and num_listens, num_tracks, first_listen, last_listen, skip_share (of listens), num_saves.
    """
    sums = days.group_by(c.USER_ID).agg(
        num_listens=days.listens.sum(),
        skips=days.skips.sum(),
        num_saves=days.saves.sum(),
        first_listen=days.first_listen.min(),
        last_listen=days.last_listen.max(),
    )
    ids = days.select(c.USER_ID).union(users.select(c.USER_ID)).distinct()
    profiles = _joined(_joined(_joined(ids, users), _countries(days), "_heard"), sums)
    profiles = _joined(profiles, num_tracks)
    country = profiles[c.COUNTRY].coalesce(profiles[f"{c.COUNTRY}_heard"])
    counts = {name: profiles[name].fill_null(0) for name in ("num_listens", "num_tracks", "num_saves")}
    listens = (profiles.num_listens > 0).ifelse(profiles.num_listens, ibis.null("int64"))
    filled = profiles.mutate(**{c.COUNTRY: country}, **counts, skip_share=profiles.skips / listens)
    habits = ("num_listens", "num_tracks", "first_listen", "last_listen", "skip_share", "num_saves")
    return filled.select(*USERS.schema.names, *habits).order_by(c.USER_ID)


def _joined(left: ir.Table, right: ir.Table, suffix: str = "_right") -> ir.Table:
    return left.left_join(right, c.USER_ID, rname="{name}" + suffix).drop(f"{c.USER_ID}{suffix}")


def _countries(days: ir.Table) -> ir.Table:
    known = days.filter(days[c.COUNTRY].notnull())
    first = ibis.row_number().over(group_by=c.USER_ID, order_by=known[c.DAY].asc(nulls_first=False))
    return known.mutate(place=first).filter(lambda t: t.place == 0).select(c.USER_ID, c.COUNTRY)


@composed
def num_tracks(interactions: ir.Table) -> ir.Table:
    """Return how many tracks each user has listened to: user_id, num_tracks."""
    listens = _listens(interactions)
    return listens.group_by(c.USER_ID).agg(num_tracks=listens[c.TRACK_ID].nunique())


@composed
def turned(before: ir.Table, now: ir.Table) -> ir.Table:
    """Return which users listened to which tracks on some days that they did not on these days before (1), or the reverse (-1).

    Args:
        before: Interactions of the days as they were.
        now: ... and as they are.

    Returns:
        user_id, track_id, change; each user and track once.
    """
    old, new = (_listens(acts).select(*_PAIR) for acts in (before, now))
    come, gone = new.difference(old), old.difference(new)  # each pair once
    return come.mutate(change=ibis.literal(1)).union(gone.mutate(change=ibis.literal(-1)))


@composed
def still_heard(turned: ir.Table, others: ir.Table) -> ir.Table:
    """Return the users and tracks of `turned` that are among the interactions of other days, too: user_id, track_id.

    Of the two sides, `turned` has few rows, each pair once: an engine keeps them at hand and passes over the others once.
    """
    return turned.select(*_PAIR).semi_join(_listens(others), _PAIR)


@composed
def num_tracks_by_turns(earlier: ir.Table, turned: ir.Table, heard: ir.Table) -> ir.Table:
    """Return `num_tracks` from earlier profiles, what `turned` returned since then, and what `still_heard` returned of it."""
    changes = turned.anti_join(heard, _PAIR).select(c.USER_ID, num_tracks=turned.change.cast("int64"))
    both = earlier.select(c.USER_ID, "num_tracks").union(changes)
    return both.group_by(c.USER_ID).agg(num_tracks=both.num_tracks.sum())


def _listens(acts: ir.Table) -> ir.Table:
    return acts.filter(acts[c.EVENT_TYPE] == str(EventType.LISTEN))


def _habits(acts: ir.Table) -> ir.Table:
    is_listen = acts[c.EVENT_TYPE] == str(EventType.LISTEN)
    return acts.group_by([c.USER_ID, c.DAY]).agg(
        listens=is_listen.sum(),
        skips=(is_listen & (acts[c.STRENGTH] < 0)).sum(),
        saves=_is_save(acts).sum(),
        first_listen=acts[c.TIMESTAMP].min(where=is_listen),
        last_listen=acts[c.TIMESTAMP].max(where=is_listen),
    )


def _is_save(acts: ir.Table) -> ir.BooleanValue:
    return acts[c.EVENT_TYPE].isin([str(kind) for kind in SAVES])
