"""The exporter shows what is in workspace and lake, part by part, whatever is damaged."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crossfade.lake.lake import Lake
from crossfade.quality.validate import LAST_CHECK, validate
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import default_settings
from crossfade.store.plan import PLAN
from monitoring.exporter.__main__ import main
from monitoring.exporter.state import State, newest_event
from tests.quality.lakes import NOW, good_tables, lake_of

CHECKED = "2026-03-02T00:00:00+00:00"


@pytest.fixture
def state(tmp_path: Path) -> State:
    lake = lake_of(tmp_path / "lake", good_tables())
    _write(lake.path / LAST_CHECK, {"checked_at": CHECKED, "failed": 0})
    workspace = Workspace.create(tmp_path / "workspace")
    about = {"metrics": {"index_recall": 0.97}, "parents": []}
    bundle = write_bundle(workspace.bundles, lambda _: None, about).name
    workspace.promote(bundle, reason="Planted.", run_id="r", evaluation={})
    verdict = {"alarms": [0, 2, 1]}
    drift = {
        "checked_at": CHECKED,
        "bundle": bundle,
        "verdict": verdict,
        "ratios": {"genres": 1.5, "skips": 0.5},
    }
    _write(workspace.drift / "drift.json", drift)
    batch = workspace.weekly / "radio" / "g1"
    _write(batch / PLAN, {"generation": {"num_users": 1000}})
    _write(batch / "shard-00000-of-00002.json", {"num_users": 400, "short": {"few candidates": 40}})
    return State(workspace, lake)


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


def shown(state: State) -> dict[str, float]:
    lines = [line for line in state.exposition().text().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_every_part_is_shown(state: State) -> None:
    found = shown(state)
    planted = {
        "crossfade_lake_newest_event_timestamp_seconds": NOW.timestamp(),
        "crossfade_validation_failed_expectations": 0,
        "crossfade_drift_last_run_timestamp_seconds": datetime.fromisoformat(CHECKED).timestamp(),
        'crossfade_drift_threshold_ratio{measure="genres"}': 1.5,
        'crossfade_drift_threshold_ratio{measure="skips"}': 0.5,
        'crossfade_drift_threshold_ratio{measure="devices"}': 0,
        "crossfade_drift_alarm_days": 2,
        'crossfade_gate_decisions_total{action="promote"}': 1,
        'crossfade_gate_decisions_total{action="refuse"}': 0,
        "crossfade_index_recall_ratio": 0.97,
        'crossfade_weekly_users{surface="radio"}': 1000,
        'crossfade_weekly_done_users{surface="radio"}': 400,
        'crossfade_weekly_short_ratio{surface="radio"}': 0.1,
    }
    assert {name: found[name] for name in planted} == planted
    assert found["crossfade_champion_promoted_timestamp_seconds"] == pytest.approx(time.time(), abs=60)
    finish = found['crossfade_weekly_projected_finish_timestamp_seconds{surface="radio"}']
    assert finish == pytest.approx(time.time(), abs=60)
    assert not any(value for name, value in found.items() if "unreadable" in name)


def test_a_new_champion_has_not_drifted(state: State) -> None:
    """What was found of an earlier champion says nothing of the one that was trained since."""
    newer = write_bundle(state.workspace.bundles, lambda _: None, {"metrics": {}, "parents": [], "n": 2}).name
    state.workspace.promote(newer, reason="Newer.", run_id="r2", evaluation={})
    found = shown(state)
    assert found['crossfade_drift_threshold_ratio{measure="genres"}'] == 0
    assert found['crossfade_gate_decisions_total{action="promote"}'] == 2


def test_a_damaged_part_is_told_and_hides_no_other(state: State) -> None:
    (state.workspace.drift / "drift.json").write_text("{", "utf-8")
    found = shown(state)
    assert found['crossfade_exporter_unreadable_parts{part="drift"}'] == 1
    assert found['crossfade_exporter_unreadable_parts{part="champion"}'] == 0
    assert found["crossfade_index_recall_ratio"] == 0.97


def test_an_empty_workspace_shows_what_there_is(tmp_path: Path) -> None:
    found = shown(State(Workspace.create(tmp_path / "workspace"), Lake.create(tmp_path / "lake")))
    assert not any("timestamp" in name for name in found)  # a time of 0 would be an alarm
    assert 'crossfade_drift_threshold_ratio{measure="ndcg"}' in found


def test_the_newest_event_is_known_without_reading_events(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", good_tables())
    assert newest_event(lake) == NOW
    lake.overwrite("silver", "events", lake.read("silver", "events").slice(0, 0))
    assert newest_event(lake) is None


def test_a_textfile_is_written_whole(state: State, tmp_path: Path) -> None:
    path = tmp_path / "crossfade.prom"
    assert main(["--workspace", str(state.workspace.path), "--textfile", str(path)]) == 0
    assert "crossfade_index_recall_ratio 0.97\n" in path.read_text("utf-8")
    assert main(["--workspace", str(tmp_path / "none")]) == 2


def test_a_scrape_sees_what_changed_since_the_last(state: State) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = ["--workspace", str(state.workspace.path), "--port", str(port)]
    process = subprocess.Popen([sys.executable, "-m", "monitoring.exporter", *places], env=os.environ)
    try:
        assert 'genres"} 1.5' in _scraped(port)
        (state.workspace.drift / "drift.json").unlink()
        assert 'genres"} 0.0' in _scraped(port)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def _scraped(port: int) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                return str(page.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_checks_are_noted_whether_or_not_they_pass(tmp_path: Path) -> None:
    tables = good_tables()
    tables["silver/events"][0]["played_ms"] = -5
    lake = lake_of(tmp_path / "lake", tables)
    validate(lake, default_settings(), now=NOW + timedelta(hours=1))
    found = shown(State(Workspace.create(tmp_path / "workspace"), lake))
    assert found["crossfade_validation_failed_expectations"] == 1
    assert found["crossfade_validation_last_run_timestamp_seconds"] == (NOW + timedelta(hours=1)).timestamp()
