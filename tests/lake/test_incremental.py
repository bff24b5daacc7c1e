"""A lake that is refreshed after each of many arrivals equals, row by row, one that is built whole from all of them."""

from pathlib import Path
from typing import Final

from crossfade.lake.build import STEPS, LakeReport, refresh
from crossfade.lake.changes import REPLACED
from crossfade.lake.forgetting import delete_user
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.schema.tables import EVENTS
from crossfade.schema.user_keys import lake_keys, new_key, write_keys
from tests.lake.growing import DAY, EAGER, after_each, assert_same, rebuilt
from tests.lake.rows import Row, bronze, minute

SETTINGS: Final = default_settings()


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


def test_a_day_between_two_re_opened_ones_is_made_again_where_a_session_reaches_it(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    settings = parse_settings("", ["lake.rebuild_rows=0", "lake.reopen_share=1"])

    def play(name: str, day: int, session: str | None) -> Row:
        about: Row = {c.EVENT_ID: name, c.SOURCE_FILE: name, c.SESSION_ID: session}
        return about | {c.USER_ID: "u", c.TRACK_ID: name, c.TIMESTAMP: minute(day * DAY)}

    lake.append(
        BRONZE, EVENTS.name, bronze([play("first", 0, "s"), play("third", 2, "s"), play("other", 4, None)])
    )
    refresh(lake, settings)
    lake.append(BRONZE, EVENTS.name, bronze([play("second", 1, "s"), play("last", 5, None)]))
    assert "silver/events" in refresh(lake, settings).updated
    rows = lake.read("silver", "events").to_pylist()
    places = {row[c.EVENT_ID]: row[c.SESSION_POSITION] for row in rows}
    assert places == {"first": 0, "second": 1, "third": 2, "other": 0, "last": 0}


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


def test_a_back_fill_that_comes_alone_is_known_by_its_arrival_as_in_a_rebuild(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    settings = parse_settings("", ["lake.rebuild_rows=0", "lake.reopen_share=1"])

    def play(user: str, at: float, arrived: float) -> Row:
        name = f"{user} {at}"
        about: Row = {c.IMPORTED_AT: minute(arrived * DAY), c.SOURCE_FILE: name, c.EVENT_ID: name}
        return {c.USER_ID: user, c.TRACK_ID: name, c.TIMESTAMP: minute(at * DAY)} | about

    lake.append(BRONZE, EVENTS.name, bronze([play("u", day, day + 0.1) for day in range(20)]))
    refresh(lake, settings)
    lake.append(BRONZE, EVENTS.name, bronze([play("v", 3, 20)]))  # no other event of its import
    assert "silver/events" in refresh(lake, settings).updated
    rows = lake.read("silver", EVENTS.name).to_pylist()
    arrived = {row[c.TRACK_ID]: row[c.ARRIVED_AT] for row in rows if row[c.ARRIVED_AT] is not None}
    assert arrived == {"v 3": minute(20 * DAY)}
    assert_same(lake, rebuilt(lake, tmp_path / "whole", settings))


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
