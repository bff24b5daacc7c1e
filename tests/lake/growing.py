"""A lake that grows and is refreshed on the way, and the same built whole from all of it."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from crossfade.lake.build import LakeReport, refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, parse_settings
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TRACKS, USERS
from crossfade.schema.user_keys import lake_keys, write_keys
from tests.lake.rows import Row, arrow, bronze, minute

# Rules that a handful of plays can meet, so that flags come and go between refreshes.
EAGER: Final = parse_settings(
    "",
    [
        "lake.reopen_share=1",
        "lake.rebuild_rows=0",
        "bots.loop_plays=2",
        "bots.metronome_plays=3",
        "bots.intruder_plays=2",
        "bots.intruder_jumps=1",
        "bots.travel_jumps=1",
        "bots.score_plays=5",
        "bots.score=3",
        "bots.score_cap=2.5",
        "bots.awake_hours=3",
    ],
)
DAY: Final = 24 * 60


def rows_of(lake: Lake, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table in an order of their own, floats to nine digits: sums depend on their order."""
    names = sorted(lake.read(*table.split("/")).column_names)
    rows = lake.read(*table.split("/")).select(names).to_pylist()
    rounded = [
        tuple(float(f"{value:.9g}") if isinstance(value, float) else value for value in row.values())
        for row in rows
    ]
    return sorted(rounded, key=repr)


def assert_same(lake: Lake, whole: Lake) -> None:
    for table in lake.versions():
        if not table.startswith((BRONZE, "quarantine")):
            found, wanted = rows_of(lake, table), rows_of(whole, table)
            assert found == wanted, (table, set(map(repr, found)) ^ set(map(repr, wanted)))


def rebuilt(lake: Lake, path: Path, settings: Settings) -> Lake:
    """Return a lake with the same bronze and key, built whole."""
    whole = Lake.create(path)
    keys = lake_keys(lake.path)
    assert keys is not None
    write_keys(whole.path, keys.keys)
    for table in lake.versions():
        if table.startswith(BRONZE):
            whole.append(*table.split("/"), lake.read(*table.split("/")))
    refresh(whole, settings)
    return whole


def arrivals(rng: random.Random, moment: float, number: int) -> Iterator[tuple[str, pa.Table]]:
    """Yield what arrives at a moment: fresh and late events, repeats of ids and of plays, rows of other tables."""
    about: Row = {c.IMPORTED_AT: minute(moment), c.SOURCE_FILE: f"f{number}"}
    events = [_event(rng, moment, number, place) | about for place in range(rng.randint(1, 25))]
    yield EVENTS.name, bronze(events)
    if rng.random() < 0.4:
        track = f"t{rng.randrange(12)}"
        named: Row = {
            c.TRACK_ID: track,
            c.ARTIST_IDS: [f"a{rng.randrange(4)}"],
            c.DURATION_MS: rng.choice([60_000, None, 200_000]),
        }
        yield TRACKS.name, bronze([named | about], TRACKS)
    if rng.random() < 0.2:
        yield ARTISTS.name, bronze([{c.ARTIST_ID: "a1", c.NAME: f"Ann {number}"} | about], ARTISTS)
        yield USERS.name, bronze([{c.USER_ID: "user-1", c.COUNTRY: rng.choice(["SE", None])} | about], USERS)
        lists: Row = {c.PLAYLIST_ID: "p", c.TRACK_IDS: ["t1", f"x{number}"]}
        yield PLAYLISTS.name, bronze([lists | about], PLAYLISTS)
    if rng.random() < 0.2:
        decided: Row = {
            c.USER_ID: f"user-{rng.randrange(5)}",
            c.LIST: rng.choice(["allow", "deny", "forget"]),
        }
        yield BOT_LISTS, arrow([decided | {c.IMPORTED_AT: minute(moment)}], BOT_LISTS_SCHEMA)


def _event(rng: random.Random, moment: float, number: int, place: int) -> Row:
    late = rng.choice([0, 0, 0, 1, 2, 9]) * DAY
    at = moment - late - rng.choice([rng.uniform(0, 40), rng.uniform(0, DAY), 10 * rng.randrange(12)])
    again = rng.random() < 0.15
    user = f"user-{rng.randrange(5)}"
    return {
        c.EVENT_ID: f"e{rng.randrange(max(number, 1))}-{rng.randrange(25)}"
        if again
        else f"e{number}-{place}",
        c.USER_ID: user,
        c.TRACK_ID: f"t{rng.randrange(12)}",
        c.ARTIST_ID: rng.choice([None, "a1", "a2"]),
        c.TIMESTAMP: None if rng.random() < 0.05 else minute(round(at)),
        c.EVENT_TYPE: rng.choice(["listen", "listen", "listen", "listen", "save", "exposure"]),
        c.PLAYED_MS: rng.choice([1_000, 31_000, 31_000, 200_000, None]),
        c.PLAYED_SHARE: rng.choice([None, 0.1, 0.9]),
        c.SESSION_ID: rng.choice([None, None, None, "s1", f"{user}/s2"]),
        c.COUNTRY: rng.choice([None, None, "SE", "AR"]),
        c.DEVICE: rng.choice(["phone", "phone", "web"]),
        c.SOURCE_ROW: place,
    }


def after_each(lake: Lake, seed: int, rounds: int) -> list[LakeReport]:
    """Let rows arrive in rounds, and refresh after most of them."""
    rng, moment, reports = random.Random(seed), 20.0 * DAY, []
    for number in range(rounds):
        for name, rows in arrivals(rng, moment, number):
            lake.append(BRONZE, name, rows)
        if number == 0 or rng.random() < 0.7:
            reports.append(refresh(lake, EAGER))
        moment += rng.choice([30, DAY / 2, 2 * DAY])
    return [*reports, refresh(lake, EAGER)]
