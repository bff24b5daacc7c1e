"""The exporter shows what is in workspace and lake, part by part, whatever is damaged."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crossfade.features.definitions import USER, freshness_hours
from crossfade.lake.lake import Lake
from crossfade.quality.validate import validate
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import default_settings
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.redis_rows import connected
from crossfade.store.redis_store import RedisStore
from monitoring.exporter.__main__ import main
from monitoring.exporter.state import State, newest_event
from serving.ports import free_port
from tests.monitoring.planted import CHECKED, FEATURES_AS_OF, plant, write
from tests.quality.lakes import NOW, good_tables, lake_of
from tests.redis_server import running_redis
from tests.store.slates import publish


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake and a workspace, made once; each test has a copy."""
    home = tmp_path_factory.mktemp("planted")
    lake = lake_of(home / "lake", good_tables())
    workspace = Workspace.create(home / "workspace")
    plant(lake, workspace)
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
    write(workspace.drift / "drift.json", drift)
    return home


@pytest.fixture
def state(planted: Path, tmp_path: Path) -> State:
    for name in ("lake", "workspace"):
        shutil.copytree(planted / name, tmp_path / name)
    return State(Workspace.open(tmp_path / "workspace"), Lake.open(tmp_path / "lake"))


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
        'crossfade_features_as_of_timestamp_seconds{entity="track"}': FEATURES_AS_OF,
        'crossfade_features_age_limit_seconds{entity="user"}': 3600 * freshness_hours(USER),
        'crossfade_drift_threshold_ratio{measure="session_skip_streak"}': 0,
        'crossfade_weekly_users{surface="radio"}': 1000,
        'crossfade_weekly_done_users{surface="radio"}': 400,
        'crossfade_weekly_short_ratio{surface="radio"}': 0.1,
    }
    assert {name: found[name] for name in planted} == planted
    assert found["crossfade_champion_promoted_timestamp_seconds"] == pytest.approx(time.time(), abs=60)
    finish = found['crossfade_weekly_projected_finish_timestamp_seconds{surface="radio"}']
    assert finish == pytest.approx(time.time(), abs=60)
    # Two were begun; one is finished, the other goes on.
    assert found['crossfade_weekly_slow_shards_ratio{surface="radio"}'] in (0, 0.5)
    seconds = [
        f'crossfade_weekly_shard_{which}_seconds{{surface="radio"}}' for which in ("median", "slowest")
    ]
    assert [found[name] for name in seconds] == [pytest.approx(0, abs=5)] * 2
    unfinished = found['crossfade_weekly_unfinished_shard_seconds{surface="radio"}']
    assert unfinished == pytest.approx(0, abs=60)
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


def test_the_newest_event_is_known_without_reading_events(state: State) -> None:
    lake = state.lake
    assert lake is not None
    assert newest_event(lake) == NOW
    lake.overwrite("silver", "events", lake.read("silver", "events").slice(0, 0))
    assert newest_event(lake) is None


def test_a_textfile_is_written_whole(state: State, tmp_path: Path) -> None:
    path = tmp_path / "crossfade.prom"
    assert main(["--workspace", str(state.workspace.path), "--textfile", str(path)]) == 0
    assert "crossfade_index_recall_ratio 0.97\n" in path.read_text("utf-8")
    assert main(["--workspace", str(tmp_path / "none")]) == 2


def test_generations_of_another_store_are_shown_and_one_that_is_away_hides_no_other_part(
    state: State, tmp_path: Path
) -> None:
    page = tmp_path / "crossfade.prom"
    users = 'crossfade_generation_users{surface="discover_weekly"}'
    with running_redis(tmp_path) as server:
        url = server.emptied()
        publish(RedisStore(url), "g1")
        features = FeatureStore(connected(url))
        features.write("f1", {}, as_of=FEATURES_AS_OF + 1, lake_versions={})
        features.rows.activate(FAMILY, "f1")
        places = ["--workspace", str(state.workspace.path), "--store", url, "--textfile", str(page)]
        assert main(places) == 0
        text = page.read_text("utf-8")
        assert f"{users} 3.0\n" in text
        newer = 'crossfade_features_as_of_timestamp_seconds{entity="user"} 1.772000001e+09\n'
        assert newer in text
        (since,) = re.findall(
            r'_generation_activated_timestamp_seconds\{surface="discover_weekly"\} (\S+)', text
        )
        assert float(since) == pytest.approx(time.time(), abs=60)
    assert main(places) == 0
    text = page.read_text("utf-8")
    assert 'crossfade_exporter_unreadable_parts{part="generations"} 1.0\n' in text
    assert 'crossfade_exporter_unreadable_parts{part="features"} 1.0\n' in text
    assert "crossfade_index_recall_ratio 0.97\n" in text


def test_a_scrape_sees_what_changed_since_the_last(state: State) -> None:
    port = free_port("127.0.0.1")
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
