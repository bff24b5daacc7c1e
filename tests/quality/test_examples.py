"""A failed expectation names rows that break it, the first by key and no more than three."""

from pathlib import Path

import pytest

from crossfade.quality.report import require_valid
from crossfade.quality.validate import validate
from crossfade.schema.errors import ValidationError
from crossfade.schema.settings import parse_settings
from tests.quality.lakes import NOW, good_tables, lake_of

SETTINGS = parse_settings("")


def test_rows_of_every_kind_of_fault_are_named(tmp_path: Path) -> None:
    tables = good_tables()
    faults = {
        0: {"played_share": 1.5},
        1: {"played_ms": -1},
        2: {"event_type": "skip"},
        3: {"user_id": None},
        4: {"timestamp": NOW.replace(hour=3)},
        5: {"track_id": "unheard-of"},
        6: {"event_id": "e007"},
    }
    for place, values in faults.items():
        tables["silver/events"][place] |= values
    report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW)
    assert {failure.name: failure.examples for failure in report.failures} == {
        "event_id is unique": "event_id=e007, rows=2",
        "user_id is never missing": "event_id=e003, user_id=nothing",
        "event_type is one of listen, save, like, dislike, add_to_playlist, follow, exposure": "event_id=e002, event_type=skip",
        "played_share <= 1": "event_id=e000, played_share=1.5",
        "played_ms >= 0": "event_id=e001, played_ms=-1",
        "no event is later than now": "event_id=e004, timestamp=2026-03-01T03:00:00+00:00",
        "track_id is in silver/tracks": "event_id=e005, track_id=unheard-of",
    }
    with pytest.raises(
        ValidationError,
        match=r"played_share <= 1: found 1.5, allowed at most 1. For example event_id=e000, played_share=1.5. Correct",
    ):
        require_valid(report)


def test_no_more_than_three_and_none_of_a_whole_table(tmp_path: Path) -> None:
    tables = good_tables() | {"gold/interactions": []}
    for place in (9, 4, 7, 1):
        tables["silver/events"][place] |= {"played_ms": -place}
    report = validate(lake_of(tmp_path / "lake", tables), SETTINGS, now=NOW)
    assert [failure.examples for failure in report.failures] == [
        "event_id=e001, played_ms=-1; event_id=e004, played_ms=-4; event_id=e007, played_ms=-7",
        "",
    ]


def test_what_holds_or_cannot_be_checked_names_none(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables(), without=["played_share"])
    assert {result.examples for result in validate(lake, SETTINGS, now=NOW).results} == {""}
