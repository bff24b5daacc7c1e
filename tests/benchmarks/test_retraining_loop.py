"""The benchmark of the closed loop: poison is what it is said to be, and the bars see both outcomes."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.retraining_loop import QUICK, Ended, result
from benchmarks.retraining_loop.installation import (
    GARBAGE_SHARE,
    KNOWN_DAYS,
    SAVES,
    Installation,
    days_of,
    garbage,
    made_up_saves,
)
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import EVENTS
from crossfade.sources.importing import import_files
from tests.lake.rows import arrow, minute

NUM = 100
RANDOM = np.random.default_rng(0)


def events() -> pa.Table:
    rows = [
        {
            c.EVENT_ID: f"e{place}",
            c.EVENT_TYPE: "listen",
            c.USER_ID: f"u{place % 4}",
            c.TRACK_ID: f"t{place % 10}",
            c.TIMESTAMP: minute(place * 60),
            c.PLAYED_MS: 40_000,
        }
        for place in range(NUM)
    ]
    return arrow(rows, EVENTS.schema)


def test_days_are_counted_from_the_first() -> None:
    days = days_of(events()).to_pylist()
    assert (days[0], days[-1]) == (0, NUM // 24)


def test_garbage_is_refused_by_importing(tmp_path: Path) -> None:
    pq.write_table(garbage(events(), RANDOM), tmp_path / "events.parquet")
    lake = Lake.create(tmp_path / "lake")
    report = import_files(lake, "events", [tmp_path / "events.parquet"], settings=default_settings())
    assert (report.rows_in, report.rows_quarantined) == (GARBAGE_SHARE * NUM, GARBAGE_SHARE * NUM)


def test_made_up_saves_are_sound_rows_of_days_before() -> None:
    real, made_up = events(), made_up_saves(events(), RANDOM)
    assert len(made_up) == 4 * SAVES
    assert set(made_up.column(c.EVENT_TYPE).to_pylist()) == {"save"}
    assert set(made_up.column(c.TRACK_ID).to_pylist()) == set(real.column(c.TRACK_ID).to_pylist())
    first = pc.min(real.column(c.TIMESTAMP)).as_py()
    told = pc.min_max(made_up.column(c.TIMESTAMP)).as_py()
    assert first - timedelta(days=KNOWN_DAYS) <= told["min"] <= told["max"] < first
    assert len(set(made_up.column(c.EVENT_ID).to_pylist())) == len(made_up)


def test_the_step_that_failed_is_that_of_the_newest_training(tmp_path: Path) -> None:
    found = Installation(tmp_path, QUICK)
    runs = Workspace.create(tmp_path / "workspace").runs
    assert found.failed_step() is None
    for name, status in (("training-1", "failed"), ("training-2", "finished"), ("weekly-3", "failed")):
        (runs / name).mkdir()
        (runs / name / "timings.json").write_text(json.dumps([{"step": "validate-data", "status": status}]))
    assert found.failed_step() is None
    (runs / "training-2").rename(runs / "training-0")
    assert found.failed_step() == "validate-data"


def test_bars_see_both_outcomes() -> None:
    sound = Ended("promoted", 1, False, 1.0, 60.0, 2.0, "Better.")
    ended = {
        "sound": sound,
        "garbage": replace(sound, outcome="validation", is_champion_kept=True),
        "made_up_saves": replace(sound, outcome="gate", is_champion_kept=True),
    }
    assert all(bar.holds for bar in result(ended, QUICK, quick=True).bars.values())
    wrong = replace(sound, outcome="gate", runs=2, quiet_seconds=float("nan"), is_champion_kept=True)
    taken = dict.fromkeys(("garbage", "made_up_saves"), sound)
    assert not any(bar.holds for bar in result({"sound": wrong, **taken}, QUICK, quick=True).bars.values())
