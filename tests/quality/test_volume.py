"""Volume against the last valid lake: of the whole, and of the newest week."""

from datetime import timedelta
from pathlib import Path

from crossfade.quality.report import ExpectationResult, ValidationReport
from crossfade.quality.validate import last_num_rows, validate
from crossfade.schema.settings import parse_settings
from tests.quality.lakes import NOW, NUM_EVENTS, events, good_tables, lake_of

SETTINGS = parse_settings("")


def only(report: ValidationReport) -> ExpectationResult:
    (failure,) = report.failures
    return failure


def test_volume_against_the_last_valid_lake(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    assert last_num_rows(lake) == {}
    assert validate(lake, SETTINGS, now=NOW).passed
    assert last_num_rows(lake)["silver/events"] == NUM_EVENTS
    fewer = good_tables() | {"silver/events": events(9)}
    report = validate(lake_of(tmp_path / "lake", fewer), SETTINGS, now=NOW)
    assert [(failure.observed, failure.limit) for failure in report.failures] == [(9, "at least 10 rows")] * 2
    assert last_num_rows(lake)["silver/events"] == NUM_EVENTS
    half = good_tables() | {"silver/events": events(10)}
    assert validate(lake_of(tmp_path / "lake", half), SETTINGS, now=NOW).passed
    assert last_num_rows(lake)["silver/events"] == 10


def test_a_thin_week_on_top_of_a_valid_lake(tmp_path: Path) -> None:
    """20 events of one day, then a week with 9: more events than ever, fewer than half in the newest 7 days."""
    lake = lake_of(tmp_path / "lake", good_tables())
    assert validate(lake, SETTINGS, now=NOW).passed
    for number, passes in ((9, False), (10, True)):
        later = [
            event
            | {"event_id": f"later-{event['event_id']}", "timestamp": event["timestamp"] + timedelta(days=8)}
            for event in events(number)
        ]
        tables = good_tables() | {"silver/events": events() + later}
        report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW + timedelta(days=8))
        assert report.passed is passes
        if not passes:
            failure = only(report)
            assert (failure.observed, failure.limit) == (9, "at least 10 rows")
            assert failure.name == (
                "in the newest 7 days no fewer events than 0.5 of the 20 in those of the last valid lake"
            )


def test_without_timestamps_no_week_is_compared(tmp_path: Path) -> None:
    tables = good_tables()
    for rows in (tables["silver/events"], tables["gold/interactions"]):
        for row in rows:
            row["timestamp"] = None
    lake = lake_of(tmp_path / "lake", tables)
    assert [validate(lake, SETTINGS, now=NOW).passed for _ in range(2)] == [True, True]


def test_a_lake_that_nothing_was_imported_into_since_stays_valid(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    strict = parse_settings("", ["quality.min_volume_ratio=1"])
    assert [validate(lake, strict, lake.versions(), NOW).failures for _ in range(2)] == [[], []]
