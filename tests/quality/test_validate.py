from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crossfade.quality.report import ExpectationResult, ValidationReport
from crossfade.quality.validate import validate
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.settings import parse_settings
from tests.quality.lakes import NOW, NUM_EVENTS, events, good_tables, lake_of

SETTINGS = parse_settings("")


def failures(report: ValidationReport) -> list[tuple[str, str | None, Any]]:
    return [(result.table, result.column, result.observed) for result in report.failures]


def only(report: ValidationReport) -> ExpectationResult:
    (failure,) = report.failures
    return failure


def test_a_good_lake_holds_everything(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    report = validate(lake, SETTINGS, now=NOW)
    assert failures(report) == []
    assert report.passed
    assert len(report.results) > 40
    assert report.num_rows["silver/events"] == NUM_EVENTS
    assert report.lake_versions == lake.versions()
    assert report.checked_at == "2026-03-01T00:00:00+00:00"
    share = next(result for result in report.results if result.name == "played_share <= 1")
    assert (share.observed, share.limit, share.table, share.column) == (
        0.5,
        "at most 1",
        "silver/events",
        "played_share",
    )


def test_every_wrong_row_is_found(tmp_path: Path) -> None:
    tables = good_tables()
    wrong_events: list[dict[str, Any]] = [
        {"played_share": 1.5},
        {"played_share": -0.5},
        {"played_ms": -1},
        {"propensity": 2.0},
        {"propensity": -0.5},
        {"position": -3},
        {"event_type": "skip"},
        {"event_type": None},
        {"user_id": None},
        {"timestamp": NOW + timedelta(hours=2, microseconds=5)},
        {"track_id": "unheard-of"},
        {"event_id": "e012"},
    ]
    for place, values in enumerate(wrong_events):
        tables["silver/events"][place] |= values
    tables["silver/tracks"][0] |= {"duration_ms": -1}
    tables["silver/users"] += [{"user_id": "u1", "birth_year": 1850}, {"user_id": "u2", "birth_year": 2027}]
    tables["silver/artists"].append({"artist_id": None})
    tables["gold/interactions"][0] |= {"strength": -6.0, "track_id": "unheard-of"}
    tables["gold/interactions"][1] |= {"strength": 5.5, "user_id": None}
    report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW)
    assert failures(report) == [
        ("silver/events", "event_id", 1),
        ("silver/events", "user_id", 0.05),
        ("silver/events", "event_type", 0.05),
        ("silver/events", "event_type", 1 / 19),
        ("silver/events", "played_share", -0.5),
        ("silver/events", "played_share", 1.5),
        ("silver/events", "played_ms", -1),
        ("silver/events", "position", -3),
        ("silver/events", "propensity", -0.5),
        ("silver/events", "propensity", 2.0),
        ("silver/events", "timestamp", 7200),
        ("silver/events", "track_id", 0.05),
        ("silver/tracks", "duration_ms", -1),
        ("silver/artists", "artist_id", 0.5),
        ("silver/users", "birth_year", 1850),
        ("silver/users", "birth_year", 2027),
        ("gold/interactions", "user_id", 0.05),
        ("gold/interactions", "strength", -6.0),
        ("gold/interactions", "strength", 5.5),
        ("gold/interactions", "track_id", 0.05),
    ]
    assert all(failure.raised is None for failure in report.failures)


def test_limits_belong_to_what_is_allowed(tmp_path: Path) -> None:
    tables = good_tables()
    for place, values in enumerate(
        [
            {"played_share": 1.0},
            {"played_share": 0.0},
            {"played_ms": 0},
            {"timestamp": NOW + timedelta(hours=1)},
        ]
    ):
        tables["silver/events"][place] |= values
    assert validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW).passed


def test_repeated_keys(tmp_path: Path) -> None:
    tables = good_tables()
    for table in ("silver/tracks", "gold/catalogue", "silver/artists", "silver/users"):
        tables[table].append(tables[table][0])
    report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW)
    assert failures(report) == [
        ("silver/tracks", "track_id", 1),
        ("silver/artists", "artist_id", 1),
        ("silver/users", "user_id", 1),
        ("gold/catalogue", "track_id", 1),
    ]


def test_wrong_type(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    rows = lake.read("silver", "events")
    place = rows.schema.get_field_index("device")
    lake.overwrite("silver", "events", rows.set_column(place, "device", pa.array(range(NUM_EVENTS))))
    failure = only(validate(lake, SETTINGS, now=NOW))
    assert (failure.name, failure.observed) == (
        "columns have their types",
        "device is int64 instead of string",
    )


def test_what_cannot_be_checked_is_told_apart_from_what_fails(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables(), without=["played_share", "event_id"])
    failed, *raised = validate(lake, SETTINGS, now=NOW).failures
    assert failed.raised is None
    assert (
        failed.observed == "event_id is missing instead of string; played_share is missing instead of double"
    )
    names = ["event_id is never missing", "event_id is unique", "played_share >= 0", "played_share <= 1"]
    assert [failure.name for failure in raised] == names
    for failure in raised:
        assert failure.observed is None
        assert f'The column "{MEASURED[failure.name]}" in BatchData does not exist' in str(failure.raised)


MEASURED = {
    "event_id is never missing": "null share event_id",
    "event_id is unique": "repeated event_id",
    "played_share >= 0": "smallest played_share",
    "played_share <= 1": "largest played_share",
}


def test_unknown_tracks(tmp_path: Path) -> None:
    """Of 20 events every fourth is of t3, which no import describes: a share of 0.25."""
    tables = good_tables()
    tables["bronze/tracks"].pop()
    lake = lake_of(tmp_path / "lake", tables)
    failure = only(validate(lake, SETTINGS, now=NOW))
    assert (failure.column, failure.observed, failure.limit) == ("track_id", 0.25, "at most 0.2 of the rows")
    assert "crossfade import catalogue FILE" in failure.mend


def test_unknown_artists(tmp_path: Path) -> None:
    tables = good_tables()
    tables["silver/tracks"][0] |= {"artist_id": "nobody"}
    report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW)
    assert failures(report) == [("silver/tracks", "artist_id", 0.25)]


def test_without_catalogue_and_artists_nothing_is_unknown(tmp_path: Path) -> None:
    tables = good_tables() | {"silver/artists": []}
    tables["silver/tracks"][0] |= {"artist_id": "nobody"}
    del tables["bronze/tracks"]
    assert validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW).passed


def test_missing_timestamps(tmp_path: Path) -> None:
    """Some missing are a fault from the limit on; all missing are a way of importing."""
    for missing, passes in ((11, False), (NUM_EVENTS, True)):
        tables = good_tables()
        for place in range(missing):
            tables["silver/events"][place] |= {"timestamp": None}
        report = validate(lake_of(tmp_path / str(missing), tables), SETTINGS, now=NOW)
        assert report.passed is passes
        assert [failure.observed for failure in report.failures] == ([] if passes else [0.55])


def test_freshness(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    weekly = parse_settings("quality: {max_stale_days: 7}")
    assert validate(lake, weekly, now=NOW + timedelta(days=7)).passed
    failure = only(validate(lake, weekly, now=NOW + timedelta(days=8)))
    assert (failure.observed, failure.limit, failure.name) == (
        8.0,
        "at most 7 days",
        "the newest event is fresh",
    )


def test_damaged_memory_of_the_last_valid_lake(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    (lake.path / "validated.json").write_text("[1", "utf-8")
    with pytest.raises(IntegrityError, match=r"validated\.json is damaged .* remove it to validate without"):
        validate(lake, SETTINGS, now=NOW)


def test_quarantined_share(tmp_path: Path) -> None:
    refused = {
        "source": "events",
        "source_file": "events.csv",
        "source_row": 3,
        "reason": "time in the future",
    }
    for count, passes in ((1, True), (2, False)):
        tables = good_tables() | {"quarantine/events": [refused] * count}
        report = validate(lake_of(tmp_path / str(count), tables), SETTINGS, now=NOW)
        assert report.passed is passes
    failure = only(report)
    assert (failure.table, failure.limit) == ("quarantine/events", "at most 0.05 of the rows")
    assert failure.observed == pytest.approx(2 / 22)


def test_nobody_listens(tmp_path: Path) -> None:
    tables = good_tables() | {"silver/events": [], "gold/interactions": []}
    report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW)
    assert [(failure.name, failure.observed) for failure in report.failures] == [
        ("there are events", 0),
        ("somebody listens", 0),
    ]


def test_pinned_versions_are_looked_at(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    pinned = lake.versions()
    bad = good_tables()
    bad["silver/events"][0] |= {"played_share": 9.0}
    lake_of(tmp_path / "lake", bad)
    assert validate(lake, SETTINGS, pinned, now=NOW).passed
    assert not validate(lake, SETTINGS, now=NOW).passed
    with pytest.raises(NotFoundError, match="has no version 9 of silver/events"):
        validate(lake, SETTINGS, pinned | {"silver/events": 9}, now=NOW)


def test_a_lake_that_was_not_refreshed(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"has no table silver/.*; build it with: crossfade lake refresh"):
        validate(lake_of(tmp_path / "lake", {"bronze/events": events()}), SETTINGS, now=NOW)


def test_the_clock_is_taken_where_no_moment_is_given(tmp_path: Path) -> None:
    tables = good_tables()
    for event in tables["silver/events"]:
        event["timestamp"] = datetime.now(UTC) - timedelta(hours=1)
    report = validate(lake_of(tmp_path / "lake", tables), parse_settings("quality: {max_stale_days: 1}"))
    assert report.passed
    assert abs(datetime.fromisoformat(report.checked_at) - datetime.now(UTC)) < timedelta(minutes=5)
