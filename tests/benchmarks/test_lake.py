"""The script by hand makes the rows that a refresh makes, also of flawed data, and a difference is told."""

from pathlib import Path

import duckdb
import pytest

from benchmarks import lake as bench
from benchmarks.harness import Run
from benchmarks.lake.refreshing import seconds_by_table
from benchmarks.lake.script import BOTS, MADE, build
from crossfade.schema.settings import default_settings
from tests.lake.flawed import flawed_lake


def test_both_sides_are_equal_and_a_lost_row_is_told(tmp_path: Path) -> None:
    lake, settings = flawed_lake(tmp_path / "lake"), default_settings().with_own_ids()
    assert set(MADE) | {BOTS} <= set(seconds_by_table(lake))
    build(lake, tmp_path, settings.lake)
    bench._require_equal(lake, tmp_path)
    file = tmp_path / "gold-track_days.parquet"
    duckdb.connect().execute(f"COPY (FROM read_parquet('{file}') OFFSET 1) TO '{file}' (FORMAT parquet)")
    with pytest.raises(AssertionError, match=r"gold/track_days: .* by refresh, .* by script"):
        bench._require_equal(lake, tmp_path)
    assert len(MADE) == 10


@pytest.mark.parametrize(("seconds", "validation", "holds"), [(19.0, 1.9, True), (21.0, 2.1, False)])
def test_bars(seconds: float, validation: float, holds: bool) -> None:
    peak = 7 if holds else 9
    runs = {
        "refresh": [Run(seconds, peak * bench.GIB, 0, "", 17.0)],
        "script": [Run(10.0, bench.GIB, 0, "")],
    }
    tables = {"silver/bots": 4.0, "silver/events": 6.0, "gold/track_days": 9.0}
    result = bench._result(runs, tables, validation, 100, quick=True)
    assert [bar.holds for bar in result.bars.values()] == [holds] * 3
    assert result.figures["refresh_over_script"] == seconds / 10
    assert result.figures["refresh_cpu_seconds"] == 17.0
    assert result.figures["validation_share_of_silver"] == round(validation / 10, 3)


def test_seconds_are_medians_of_what_refreshes_printed() -> None:
    runs = [
        Run(1.0, 0, 0, f'told\n{{"silver/bots": {each}, "gold/catalogue": 2.0}}\n')
        for each in (1.0, 5.0, 3.0)
    ]
    assert bench._seconds(runs) == {"silver/bots": 3.0, "gold/catalogue": 2.0}
