"""Listens of accounts for the tests of bot rules: evenly spaced or not, at a place, of artists."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import ibis
import pyarrow as pa

from crossfade.lake import activity, bot_intruders, bots
from crossfade.lake.engine_duckdb import engine
from crossfade.lake.layout import BOT_LISTS_SCHEMA
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, default_settings
from crossfade.schema.tables import TRACKS, USERS
from tests.lake.rows import START, Row, arrow, bronze, table


def listens(
    user: str,
    seconds: Sequence[float],
    *,
    played_ms: int | None = 200_000,
    artists: Sequence[str] = ("a",),
    **place: str,
) -> list[Row]:
    """Return plays that begin so many seconds after midnight, each of a track of its own, artists in turn."""
    return [
        {
            c.USER_ID: user,
            c.TRACK_ID: f"t{number}",
            c.ARTIST_ID: artists[number % len(artists)],
            c.TIMESTAMP: START + timedelta(seconds=second),
            c.PLAYED_MS: played_ms,
            **place,
        }
        for number, second in enumerate(seconds)
    ]


def flags(
    rows: list[Row],
    scratch: Path,
    *,
    tracks: Sequence[Row] = (),
    lists: Sequence[Row] = (),
    users: Sequence[Row] = (),
    settings: Settings | None = None,
) -> pa.Table:
    """Return what is held against the accounts of some events."""
    used = settings or default_settings()
    catalogue = table(list(tracks), TRACKS.schema)
    with engine(scratch) as session:
        plays = activity.plays(ibis.memtable(bronze(rows)))
        sums = activity.hour_sums(plays, used.lake, used.bots)
        hours = activity.hours(sums, activity.moving(sums), plays, used.bots)
        habits = activity.Habits.of(
            hours, activity.spot_days(hours), activity.homes(table(list(users), USERS.schema)), session.kept
        )
        suspects = bot_intruders.suspects(habits.spots, used.bots)
        found = bots.flags(
            habits,
            bots.day_rules(plays, hours, catalogue, used.lake, used.bots),
            bot_intruders.intruders(plays, habits, suspects, catalogue, used.bots),
            ibis.memtable(arrow(list(lists), BOT_LISTS_SCHEMA)),
            used.bots,
            kept=session.kept,
        )
        return session.rows(found)


def told(found: pa.Table) -> dict[tuple[str, str], float | None]:
    """Return the measure of each user and rule."""
    return {(row[c.USER_ID], row[c.RULE]): row[c.MEASURE] for row in found.to_pylist()}
