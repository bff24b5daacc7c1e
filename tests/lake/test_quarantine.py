"""Refused rows are counted by reason, the most frequent first, with the first rows as they stood in their file."""

from pathlib import Path

from crossfade.lake.lake import QUARANTINE, Lake
from crossfade.lake.layout import QUARANTINE_SCHEMA
from crossfade.lake.quarantine import refused_rows
from crossfade.schema import columns as c
from tests.lake.rows import arrow


def test_reasons_are_counted_and_their_first_rows_shown(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    assert refused_rows(lake, 3) == []
    rows = [
        {c.SOURCE_FILE: "f", c.SOURCE_ROW: number, c.REASON: reason, c.RAW: f'{{"n": {number}}}'}
        for number, reason in ((9, "late"), (3, "late"), (5, "late"), (1, "rare"))
    ]
    lake.append(QUARANTINE, "events", arrow(rows, QUARANTINE_SCHEMA))
    late, rare = refused_rows(lake, 2)
    assert (late.table, late.reason, late.num_rows, rare.reason, rare.num_rows) == (
        "events",
        "late",
        3,
        "rare",
        1,
    )
    assert [row[c.SOURCE_ROW] for row in late.first_rows] == [3, 5]
    assert rare.first_rows == [{c.SOURCE_FILE: "f", c.SOURCE_ROW: 1, c.RAW: '{"n": 1}'}]
    assert refused_rows(lake, 0)[0].first_rows == []
