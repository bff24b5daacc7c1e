"""A bronze in which everything is that engines may disagree on: repeats, late and untimed events, bots, gaps, ties."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from crossfade.lake.bots import ALLOW, DENY
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA, bronze_schema
from crossfade.schema import columns as c
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TRACKS, USERS, Table
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate
from tests.lake.plays import listens
from tests.lake.rows import START, Row, arrow, bronze, minute

SPEC: Final = TwinSpec(
    num_users=60,
    num_tracks=200,
    num_days=14,
    farm_share=0.05,
    superfan_share=0.05,
    hijacked_share=0.05,
    traveller_share=0.05,
    seed=3,
)
ALLOWED: Final = "metronome-2"
DENIED: Final = "denied"


def flawed_lake(path: Path) -> Lake:
    """Write a lake that has a twin's listens, planted bots and every flaw, and was not refreshed."""
    lake = Lake.create(path)
    twin = simulate(replace(SPEC))
    for table in (EVENTS, TRACKS, ARTISTS, PLAYLISTS, USERS):
        lake.append(BRONZE, table.name, _received(getattr(twin, table.name), table))
    lake.append(BRONZE, EVENTS.name, bronze(_planted()))
    lake.append(BRONZE, EVENTS.name, _repeated(twin.events))
    few = (c.EVENT_ID, c.EVENT_TYPE, c.USER_ID, c.TRACK_ID, c.SOURCE_FILE, c.SOURCE_ROW, c.IMPORTED_AT)
    untimed = bronze(
        [{c.USER_ID: "u", c.TRACK_ID: "unheard-of", c.EVENT_ID: f"untimed-{n}"} for n in range(3)]
    )
    lake.append(BRONZE, EVENTS.name, untimed.select(few))  # a file that lacks most columns
    lake.append(BRONZE, TRACKS.name, _odd_tracks())
    lists: list[Row] = [
        {c.USER_ID: ALLOWED, "list": DENY, c.IMPORTED_AT: minute(0)},
        {c.USER_ID: ALLOWED, "list": ALLOW, c.IMPORTED_AT: minute(1)},
        {c.USER_ID: DENIED, "list": DENY, c.IMPORTED_AT: minute(1)},
    ]
    lake.append(BRONZE, BOT_LISTS, arrow(lists, BOT_LISTS_SCHEMA))
    return lake


def _received(rows: pa.Table, table: Table) -> pa.Table:
    about = {
        c.SOURCE: pa.repeat("twin", len(rows)),
        c.SOURCE_FILE: pa.repeat("twin.parquet", len(rows)),
        c.SOURCE_ROW: pa.array(range(len(rows))),
        c.IMPORTED_AT: pa.repeat(pa.scalar(START, pa.timestamp("us", "UTC")), len(rows)),
    }
    schema = bronze_schema(table)
    columns = {name: rows.column(name) for name in rows.column_names} | about
    absent = {field.name: pa.nulls(len(rows), field.type) for field in schema if field.name not in columns}
    return pa.table(columns | absent).select(schema.names).cast(schema)


def _planted() -> list[Row]:
    """Return accounts that each rule finds, with fractions of seconds and ties that only later columns break."""
    metronomes = [
        row
        for user in ("metronome-1", ALLOWED)
        for row in listens(
            user, [45.0 * n + 0.123457 * (n % 5) for n in range(60)], played_ms=44_000, device="d"
        )
    ]
    awake = listens("awake", [1200.0 * n for n in range(3 * 30)], device="d")
    loop = listens("loop", [40.0 * n for n in range(20)], played_ms=31_000, country="SE", session_id="s")
    home = listens("guest", [3600.0 * n for n in range(40)], artists=("a", "b"), country="SE")
    abroad = listens("guest", [5000.0 + 300 * n for n in range(12)], artists=("x", "y"), country="DE")
    travels = listens("traveller", [250.25 * n for n in range(12)], country="SE")
    for number, row in enumerate(travels):
        row[c.COUNTRY] = "SE" if number % 2 else "DE"
    ties = listens("ties", [7.0] * 4 + [8.0] * 4, artists=("a", "b"))
    odd = [
        row | {c.PLAYED_MS: 35_000 if number % 20 < 9 else 25_000, c.EVENT_ID: f"odd-{day}-{number}"}
        for day in range(2)
        for number, row in enumerate(
            listens("odd", [86_400 * day + 50 * n + 17 * (n % 4) for n in range(70)], artists="abcdefg")
        )
    ]
    for row in (*home, *abroad):
        row[c.TRACK_ID] = f"{row[c.ARTIST_ID]}-{row[c.TRACK_ID]}"
    rows = [
        *metronomes,
        *awake,
        *loop,
        *home,
        *abroad,
        *travels,
        *ties,
        *odd,
        *listens(DENIED, [0.5, 1800.999999]),
    ]
    return [
        {c.EVENT_ID: f"planted-{number}", c.SOURCE_FILE: "planted"} | row for number, row in enumerate(rows)
    ]


def _repeated(events: pa.Table) -> pa.Table:
    """Return late copies of some of a twin's events: of the same id, of the same second, and of no known length."""
    some = events.slice(0, 300).to_pylist()
    same_id = [row | {c.PLAYED_MS: None} for row in some[:100]]
    same_second = [row | {c.EVENT_ID: f"again-{row[c.EVENT_ID]}"} for row in some[100:200]]
    other = [
        row
        | {
            c.EVENT_ID: f"late-{row[c.EVENT_ID]}",
            c.TIMESTAMP: row[c.TIMESTAMP] - timedelta(minutes=40, microseconds=1),
            c.SESSION_ID: None,
            c.COUNTRY: None,
            c.PLAYED_SHARE: None,
        }
        for row in some[200:]
    ]
    return bronze([{c.SOURCE_FILE: "late"} | row for row in [*same_id, *same_second, *other]])


def _odd_tracks() -> pa.Table:
    """Return tracks without artists, and two rows of one track in one import, of which the last counts."""
    rows: list[Row] = [
        {c.TRACK_ID: "t1", c.ARTIST_IDS: []},
        {c.TRACK_ID: "t2", c.TITLE: "first"},
        {c.TRACK_ID: "t2", c.TITLE: "last", c.ARTIST_IDS: ["nobody"]},
    ]
    return bronze([{c.IMPORTED_AT: minute(5)} | row for row in rows], TRACKS)
