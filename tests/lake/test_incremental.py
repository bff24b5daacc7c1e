"""A lake that is refreshed after each of many arrivals equals, row by row, one that is built whole from all of them."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from crossfade.lake.build import STEPS, LakeReport, refresh
from crossfade.lake.changes import REPLACED
from crossfade.lake.forgetting import delete_user
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TRACKS, USERS
from crossfade.schema.user_keys import lake_keys, new_key, write_keys
from tests.lake.rows import Row, arrow, bronze, minute

SETTINGS: Final = default_settings()
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


def rebuilt(lake: Lake, path: Path, settings: Any) -> Lake:
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


def test_many_refreshes_equal_a_rebuild(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    reports = after_each(lake, 2, 4)
    assert "silver/events" in {table for report in reports for table in report.updated}
    assert_same(lake, rebuilt(lake, tmp_path / "whole", EAGER))
    assert refresh(lake, EAGER).written == ()


def test_another_key_and_removed_rows_rebuild_and_no_own_id_gets_below_bronze(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    settings = parse_settings("", ["lake.rebuild_rows=0", "lake.reopen_share=1"])

    def arrive(name: str, user: str, day: float) -> LakeReport:
        about: Row = {c.IMPORTED_AT: minute(day * DAY), c.SOURCE_FILE: name, c.EVENT_ID: f"{user}/{name}"}
        play: Row = {c.USER_ID: user, c.TRACK_ID: "t", c.TIMESTAMP: minute(day * DAY)}
        lake.append(BRONZE, EVENTS.name, bronze([play | about]))
        return refresh(lake, settings)

    arrive("first", "ann-4711", 0)
    assert "silver/events" in arrive("second", "bob-0815", 1).updated
    keys = lake_keys(lake.path)
    assert keys is not None
    names = lake.read("silver", EVENTS.name).sort_by(c.TIMESTAMP).column(c.USER_ID).to_pylist()
    assert names == [keys.current.pseudonym(user) for user in ("ann-4711", "bob-0815")]
    for table in lake.versions():
        assert table.startswith(BRONZE) or "ann-" not in repr(lake.read(*table.split("/")).to_pylist()), table
    write_keys(lake.path, (new_key(), *keys.keys))
    report = refresh(lake, settings)
    assert (report.updated, set(report.written)) == ((), {step.target for step in STEPS})
    with lake.writing():
        assert delete_user(lake, BRONZE, EVENTS.name, "ann-4711") == 1
    report = refresh(lake, settings)
    assert "silver/events" in report.written
    assert report.updated == ()
    assert_same(lake, rebuilt(lake, tmp_path / "whole", settings))


def test_new_files_may_lack_columns(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    settings = parse_settings("", ["lake.rebuild_rows=0", "lake.reopen_share=1"])
    plays: list[Row] = [{c.USER_ID: "u", c.TRACK_ID: "t", c.TIMESTAMP: minute(day * DAY)} for day in (1, 2)]
    lake.append(BRONZE, EVENTS.name, bronze([play | {c.EVENT_ID: f"e{n}"} for n, play in enumerate(plays)]))
    refresh(lake, settings)
    about: Row = {c.EVENT_ID: "untimed", c.USER_ID: "u", c.TRACK_ID: "t", c.IMPORTED_AT: minute(3 * DAY)}
    few = (c.EVENT_ID, c.EVENT_TYPE, c.USER_ID, c.TRACK_ID, c.SOURCE_FILE, c.SOURCE_ROW, c.IMPORTED_AT)
    lake.append(BRONZE, EVENTS.name, bronze([about]).select(few))
    assert "silver/events" in refresh(lake, settings).updated
    assert_same(lake, rebuilt(lake, tmp_path / "whole", settings))


def test_few_new_events_replace_their_days_only_and_many_rebuild(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    settings = parse_settings("", ["lake.rebuild_rows=0"])

    def play(day: float, name: str) -> Row:
        about: Row = {c.IMPORTED_AT: minute(day * DAY), c.SOURCE_FILE: name}
        return {c.USER_ID: "u", c.TRACK_ID: "t", c.TIMESTAMP: minute(day * DAY), c.EVENT_ID: name} | about

    lake.append(BRONZE, EVENTS.name, bronze([play(day, f"e{day}") for day in range(10)]))
    assert refresh(lake, settings).updated == ()
    lake.append(BRONZE, EVENTS.name, bronze([play(9.9, "new")]))
    report = refresh(lake, settings)
    commit = lake.history("silver", "events")[0]
    assert ("silver/events" in report.updated, commit[REPLACED]) == (True, '["2026-01-10"]')
    lake.append(BRONZE, EVENTS.name, bronze([play(day + 0.5, f"l{day}") for day in range(1, 9)]))
    assert "silver/events" not in refresh(lake, settings).updated
    assert lake.num_rows("silver", "events") == 19


def test_what_arrives_long_after_it_happened_is_known_by_its_arrival(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")

    def play(name: str, at: float, arrived: float) -> Row:
        about: Row = {c.IMPORTED_AT: minute(arrived * DAY), c.SOURCE_FILE: name, c.EVENT_ID: name}
        return {c.USER_ID: "u", c.TRACK_ID: name, c.TIMESTAMP: minute(at * DAY)} | about

    plays = [
        play("history", -400, 0),
        play("loaded a day later", -300, 1),
        *(play(f"day {day}", day, day + 0.1) for day in range(20)),
        play("late", 12, 14.9),
        play("back-fill", 3, 15),
    ]
    lake.append(BRONZE, EVENTS.name, bronze(plays))
    refresh(lake, SETTINGS)
    arrived = {
        row[c.TRACK_ID]: row[c.ARRIVED_AT]
        for row in lake.read("gold", "interactions").to_pylist()
        if row[c.ARRIVED_AT] is not None
    }
    assert arrived == {"back-fill": minute(15 * DAY)}


def test_an_archive_is_history_in_whatever_order_its_files_come(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    for number, at in enumerate((-900, -1200, -1000)):
        about: Row = {
            c.IMPORTED_AT: minute(number * 30 * DAY),
            c.SOURCE_FILE: f"f{number}",
            c.EVENT_ID: f"e{number}",
        }
        play: Row = {c.USER_ID: "u", c.TRACK_ID: "t", c.TIMESTAMP: minute(at * DAY)}
        lake.append(BRONZE, EVENTS.name, bronze([play | about]))
    refresh(lake, SETTINGS)
    assert lake.read("gold", "interactions").column(c.ARRIVED_AT).null_count == 3
