import json
from dataclasses import replace
from pathlib import Path

import pytest

from crossfade.quality.report import ExpectationResult, ValidationReport, page, require_valid, write
from crossfade.schema.errors import ValidationError

HOLDS = ExpectationResult(
    "played_ms >= 0", "silver/events", "played_ms", 17, "at least 0", True, None, "Correct it."
)
FAILS = ExpectationResult(
    "played_share <= 1", "silver/events", "played_share", 1.23456, "at most 1", False, None, "Import again."
)
RAISED = ExpectationResult(
    "track_id is <unique>", "silver/tracks", "track_id", None, "at most 0", False, "no column <x>", "Refresh."
)
WHOLE = ExpectationResult(
    "there are events", "silver/events", None, 0, "at least 1", False, None, "Import some."
)


def report(*results: ExpectationResult) -> ValidationReport:
    return ValidationReport(
        list(results), "data/lake", {"silver/events": 3}, {"silver/events": 12345}, "2026-03-01"
    )


def test_a_valid_lake_goes_on() -> None:
    assert report(HOLDS).passed
    require_valid(report(HOLDS))


def test_one_message_lists_what_failed_and_what_to_do() -> None:
    with pytest.raises(ValidationError) as caught:
        require_valid(report(HOLDS, FAILS, RAISED, WHOLE))
    assert str(caught.value) == (
        "The lake at data/lake breaks 3 of 4 expectations:\n"
        "  silver/events.played_share: played_share <= 1: found 1.235, allowed at most 1. Import again.\n"
        "  silver/tracks.track_id: track_id is <unique>: could not be checked: no column <x> Refresh.\n"
        "  silver/events: there are events: found 0, allowed at least 1. Import some."
    )


def test_written_for_programs_and_for_people(tmp_path: Path) -> None:
    write(report(HOLDS, FAILS), tmp_path / "new")
    written = json.loads((tmp_path / "new" / "validation.json").read_text("utf-8"))
    assert written["passed"] is False
    assert written["lake_versions"] == {"silver/events": 3}
    assert [result["observed"] for result in written["results"]] == [17, 1.23456]
    assert ValidationReport(
        **{name: value for name, value in written.items() if name != "passed"}
        | {"results": [ExpectationResult(**result) for result in written["results"]]}
    ) == report(HOLDS, FAILS)
    assert (tmp_path / "new" / "validation.html").read_text("utf-8") == page(report(HOLDS, FAILS))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "validation.html",
        "validation.json",
    ]


def test_page_shows_faults_first_and_escapes() -> None:
    shown = page(report(HOLDS, FAILS, RAISED))
    assert "2 of 3 expectations do not hold" in shown
    assert shown.index("played_share") < shown.index("played_ms")
    assert "no column &lt;x&gt;" in shown
    assert "<x>" not in shown
    assert "12,345 rows, version 3" in shown
    assert "http" not in shown
    assert "Import again." in shown
    assert "Correct it." not in shown


def test_page_of_a_valid_lake() -> None:
    assert "All expectations hold" in page(report(HOLDS))


def test_nothing_observed_is_said() -> None:
    empty = replace(HOLDS, observed=None)
    assert "<td>nothing</td>" in page(report(empty))
