"""Cells that the engine counts, against events that can be counted by hand."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import ibis.expr.types as ir
import pyarrow.parquet as pq
import pytest

from crossfade.lake.engine_duckdb import DuckDbEngine, engine
from crossfade.lake.layout import SILVER_SCHEMAS
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings
from monitoring.drift.counting import daily_series, largest_groups
from monitoring.drift.listeners import HEAVY_LISTENS
from monitoring.drift.measures import COHORT, COUNTED, EVERYBODY
from monitoring.drift.series import Series
from tests.lake.rows import START, Row, arrow

DAY = START.date()
DAYS = [DAY, DAY + timedelta(days=1)]
TRACKS: list[Row] = [
    {
        c.TRACK_ID: "new",
        c.TITLE: "New",
        c.GENRES: ["rock", "pop"],
        c.RELEASE_DATE: DAY - timedelta(days=3),
        c.DURATION_MS: 200_000,
    },
    {c.TRACK_ID: "old", c.TITLE: "Old", c.GENRES: ["jazz"], c.RELEASE_DATE: date(1990, 1, 1)},
    {c.TRACK_ID: "unknown"},
]


def event(user: str, track: str, hours: float, **more: object) -> Row:
    told: Row = {c.EVENT_TYPE: "listen", c.IS_BOT: False, c.COUNTRY: "SE", c.DEVICE: "phone"}
    return told | {c.USER_ID: user, c.TRACK_ID: track, c.TIMESTAMP: START + timedelta(hours=hours)} | more


EVENTS = [
    event("u", "new", 1, played_ms=100_000, played_share=0.5, session_position=0, surface="radio"),
    event("u", "old", 2, played_ms=0, played_share=0.0, session_position=1, surface="radio"),
    event("u", "new", 3, event_type="save", surface="radio"),
    event("v", "unknown", 3, country=None, device="tv", shuffle=True, context="album", arrived_at=START),
    event("w", "old", 25, played_ms=700_000, played_share=0.9, country="NO", is_bot=True),
    event("w", "old", 49, played_ms=1),  # a day that nobody asked for
]
# The week before tells cohorts: u is casual, v new on the first day, w heavy on the second.
BEFORE = [event("u", "old", -7 * 24), *(event("w", "old", -2) for _ in range(HEAVY_LISTENS))]
# What v listened to was shown on the radio last; w's listen was shown too long ago, and afterwards.
SHOWN = [
    event("v", "unknown", -30, event_type="exposure", surface="home"),
    event("v", "unknown", -1, event_type="exposure", surface="radio"),
    event("w", "old", 25 - 7 * 24, event_type="exposure", surface="radio"),
    event("w", "old", 26, event_type="exposure", surface="radio"),
]


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Series]]:
    folder = tmp_path_factory.mktemp("counting")
    every = [dict(row, event_id=f"e{place}") for place, row in enumerate([*BEFORE, *SHOWN, *EVENTS])]
    with engine(folder) as session:
        events, tracks = (table(session, folder, *each) for each in (("events", every), ("tracks", TRACKS)))
        groups = largest_groups(events, session, 1)
        cohorts = {COHORT: ("new", "casual", "heavy")}
        assert groups == cohorts | {c.COUNTRY: ("SE",), c.DEVICE: ("phone",), c.SURFACE: ("radio",)}
        settings = default_settings().lake
        yield daily_series(events, tracks, session, name="test", groups=groups, days=DAYS, settings=settings)


def table(session: DuckDbEngine, folder: Path, name: str, rows: list[Row]) -> ir.Table:
    pq.write_table(arrow(rows, SILVER_SCHEMAS[name]), folder / f"{name}.parquet")
    return session.table([folder / f"{name}.parquet"], SILVER_SCHEMAS[name])


def cells(series: Series, day: int = 0) -> dict[str, float]:
    return {name: number for name, number in zip(series.bins, series.counts[day], strict=True) if number}


def test_every_measure_is_counted(counted: dict[tuple[str, str], Series]) -> None:
    assert {name for name, _ in counted} == {measure.name for measure in COUNTED}
    assert {len(series.counts) for series in counted.values()} == {2}


@pytest.mark.parametrize(
    ("measure", "group", "expected"),
    [
        ("event_types", EVERYBODY, {"listen": 3, "save": 1}),
        ("countries", EVERYBODY, {"SE": 2}),
        ("devices", EVERYBODY, {"phone": 2, "tv": 1}),
        ("contexts", EVERYBODY, {"album": 1}),
        ("cohorts", EVERYBODY, {"casual": 1, "new": 1}),
        ("cohorts", "country SE", {"casual": 1}),
        ("genres", "cohort casual", {"rock": 1, "pop": 1, "jazz": 1}),
        ("late", EVERYBODY, {"False": 2, "True": 1}),
        ("hours", EVERYBODY, {"1": 1, "2": 1, "3": 1}),
        ("genres", EVERYBODY, {"rock": 1, "pop": 1, "jazz": 1}),
        ("genres", "country SE", {"rock": 1, "pop": 1, "jazz": 1}),
        ("played_seconds", EVERYBODY, {"0": 1, "8": 1}),  # nothing, and 90 to 120 s
        ("played_share", EVERYBODY, {"0": 1, "11": 1}),  # nothing, and 0.5 to 0.55
        ("track_age_days", EVERYBODY, {"1": 1, "10": 1}),  # 0 to 7 days, and 20 years or more
        ("session_position", EVERYBODY, {"0": 1, "1": 1}),
        ("listens_per_listener", EVERYBODY, {"0": 1, "1": 1}),  # one, and two
        ("skips", EVERYBODY, {"False": 1, "True": 1}),
        ("skips", "surface radio", {"False": 1, "True": 1}),
        ("saves", EVERYBODY, {"False": 3, "True": 1}),
        ("saves", "surface radio", {"False": 3, "True": 1}),  # one listen of what had been shown there
        ("shuffle", EVERYBODY, {"True": 1}),
        ("bots", EVERYBODY, {"False": 3}),
        ("new_tracks", EVERYBODY, {"False": 1, "True": 1}),
        ("unknown_tracks", EVERYBODY, {"False": 2, "True": 1}),
        ("missing_country", "device phone", {"False": 2}),
        ("missing_played_ms", EVERYBODY, {"False": 2, "True": 1}),
        ("missing_duration_ms", EVERYBODY, {"False": 1, "True": 2}),
        ("listens", EVERYBODY, {"": 3}),
        ("listeners", EVERYBODY, {"": 2}),
        ("listeners", "country SE", {"": 1}),
    ],
)
def test_the_first_day(
    counted: dict[tuple[str, str], Series], measure: str, group: str, expected: dict[str, float]
) -> None:
    assert cells(counted[measure, group]) == expected


def test_the_second_day_is_of_its_own(counted: dict[tuple[str, str], Series]) -> None:
    assert cells(counted["bots", EVERYBODY], 1) == {"True": 1}
    assert cells(counted["played_seconds", EVERYBODY], 1) == {"18": 1}
    assert cells(counted["listens", "country SE"], 1) == {}
    assert cells(counted["cohorts", EVERYBODY], 1) == {"heavy": 1}
    assert cells(counted["saves", "surface radio"], 1) == {}


def test_groups_that_are_not_looked_at_alone_have_no_series(counted: dict[tuple[str, str], Series]) -> None:
    alone = {"country SE", "device phone", "surface radio", "cohort new", "cohort casual", "cohort heavy"}
    assert {group for _, group in counted} == {EVERYBODY, *alone}
    assert not {("countries", "country SE"), ("cohorts", "cohort new"), ("listens", "cohort new")} & set(
        counted
    )
