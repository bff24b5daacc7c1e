"""What a reader saw of a publication is judged on both outcomes, and weeks follow from users."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import publish
from benchmarks.publish.reader import week_seen
from benchmarks.publish.week import ERROR, MIXTURE
from crossfade.store.embedded import EmbeddedStore


def reads(*rows: tuple[float, float, int]) -> publish.Reads:
    return np.array(rows, np.float64)


# Publishing from 10 to 20, the switch between 18 and 20.
WELL = reads((1, 0.001, 1), (5, 0.001, 1), (12, 0.002, 1), (19, 0.002, 2), (19.5, 0.002, 1), (21, 0.001, 2))


def test_reads_of_one_week_and_then_of_the_next_are_well() -> None:
    found = publish.seen(WELL, 10, 18, 20)
    assert found == {
        "reads": 3, "errors": 0, "mixtures": 0, "quiet_p99_ms": 1, "busy_p99_ms": 2, "p99_times": 2,
    }  # fmt: skip


@pytest.mark.parametrize("row", [(12.5, 0.001, MIXTURE), (13, 0.001, 2), (20.5, 0.001, 1)])
def test_two_weeks_in_one_and_a_week_at_the_wrong_time_are_told(row: tuple[float, float, int]) -> None:
    assert publish.seen(np.vstack([WELL, [row]]), 10, 18, 20)["mixtures"] == 1
    assert publish.seen(np.vstack([WELL, [(19.9, 0.1, ERROR)]]), 10, 18, 20)["errors"] == 1


@pytest.mark.parametrize(("seconds", "times", "holds"), [(59, 2.9, True), (61, 3.1, False)])
def test_bars(seconds: float, times: float, holds: bool) -> None:
    errors = 0 if holds else 1
    told = {"seconds": seconds, "errors": errors, "mixtures": errors, "p99_times": times}
    figures = {f"redis_{name}": value for name, value in told.items()}
    assert [bar.holds for bar in publish.bars_of("redis", figures, 1.0).values()] == [holds] * 4
    assert not publish.bars_of("redis", figures, 50.0)["redis_seconds"].holds


def test_a_week_is_published_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.publish.week.NUM_ARTISTS", 50)
    weeks, workspace = publish.weeks_of(tmp_path, 100)
    settings = publish._settings("")
    store = EmbeddedStore(workspace.store)
    for number, generation in enumerate(weeks, start=1):
        publish.publish(workspace, settings, publish.SURFACE, generation)
        publish.activate(workspace, settings, publish.SURFACE, generation)
        assert week_seen(store, "u00000004") == number
    assert week_seen(store, "u00000100") == ERROR
    _, mended = publish.week_of(tmp_path, 3, 100, settings, 10)
    assert (
        publish.published_again("embedded", workspace, mended, 100, "")["embedded_again_unchanged_share"]
        == 0.9
    )
    assert [week_seen(store, f"u0000001{number}") for number in (0, 1)] == [3, 2]
    slate = store.get(publish.SURFACE, "u00000099")
    assert slate is not None
    assert len(set(slate.track_ids)) == 30
    assert slate.reasons[0].startswith("You listen to Band ")
