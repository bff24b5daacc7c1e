"""The closed loop with real trainings: drift leads to a run and the gate's decision, poison to none, a storm to one run."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.drift.planting import KINDS
from benchmarks.harness import Bar, Options, Result
from benchmarks.monitoring_servers import (
    HOST,
    alertmanager,
    asked,
    firing,
    prometheus,
    receiver,
    wait_for,
    why_not,
)
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.exposition import Fresh, served
from crossfade.schema.settings import load_settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import Twin, simulate
from monitoring.exporter.state import State
from monitoring.receiver.ledger import JOURNAL

SPEC: Final = TwinSpec(num_users=400, num_tracks=800, num_days=38, seed=11, listens_per_day=6.0)
LEARNT_DAYS: Final = 35
# A small model: the loop is measured here, not what it recommends.
SET: Final = (
    "two_tower.epochs=1",
    "two_tower.dim=16",
    "index.backend=exact",
    "ranking.num_trees=20",
    "sources.candidates=150",
    "sources.per_source=100",
    "evaluation.bootstrap_samples=50",
    "drift.reference_weeks=4",
    "drift.users=50",
    "drift.groups=3",
    "receiver.cooldown_hours=0",
    "receiver.runs_per_day=3",
    "receiver.attempts=1",
)
TRAINING_SECONDS: Final = 600
STORM: Final = 1000


@dataclass(frozen=True)
class Loop:
    """One installation whose alerts are listened to."""

    lake: Lake
    workspace: Workspace
    alertmanager: str

    def journal(self) -> list[str]:
        """Return what was decided and done, in order."""
        path = self.workspace.retraining / JOURNAL
        if not path.is_file():
            return []
        return [json.loads(line)["what"] for line in path.read_text("utf-8").splitlines()]

    def ended(self) -> int:
        """Return how many runs have ended, well or not."""
        return sum(what in ("finished", "failed") for what in self.journal())

    def send(self, number: int, name: str) -> None:
        """Let alerts fire that ask for a training."""
        labels = {"alertname": name, "retrain": "true"}
        storm = [
            {"labels": {**labels, "measure": f"m{place}"}, "startsAt": datetime.now(UTC).isoformat()}
            for place in range(number)
        ]
        asked(f"{self.alertmanager}/api/v2/alerts", storm)


def run(options: Options) -> Result:
    """Train a champion, plant a shift of taste, let the loop go on by itself; then poison the lake, and let a storm break loose.

    `--quick` changes nothing: three small trainings take some minutes.
    """
    if reason := why_not():
        raise CrossfadeError(f"The loop needs real servers: {reason}.")
    with TemporaryDirectory() as folder:
        return _measured(Path(folder), quick=options.quick)


def _measured(folder: Path, *, quick: bool) -> Result:
    twin, lake, workspace = (
        simulate(SPEC),
        Lake.create(folder / "lake"),
        Workspace.create(folder / "workspace"),
    )
    _import_days(twin, lake, folder, twin.spec.start, LEARNT_DAYS)
    _crossfade("run", "training", lake, workspace)
    old = workspace.champion_digest()
    _import_events(_drifted(twin), lake, folder)
    _crossfade("run", "drift", lake, workspace)
    with ExitStack() as parts:
        exporter = parts.enter_context(served(Fresh(State(workspace, lake).exposition), HOST, 0))
        port = parts.enter_context(receiver(folder, workspace.path, lake.path, SET))
        manager = parts.enter_context(alertmanager(folder, port))
        ports = {8091: exporter, 8090: port, 9093: int(manager.rpartition(":")[2])}
        watching = parts.enter_context(prometheus(folder, ports))
        loop = Loop(lake, workspace, manager)
        to_alert = wait_for("an alert", lambda: "CrossfadeDrift" in firing(watching))
        to_decision = wait_for("a decision", loop.ended, TRAINING_SECONDS)
        decided = workspace.promotions.lines()[-1]
        is_new = workspace.champion_digest() != old
        to_quiet = wait_for("quiet", lambda: "CrossfadeDrift" not in firing(watching)) if is_new else 0.0
        poisoned = _poisoned(loop, twin, folder)
        runs = loop.journal().count("start")
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "seconds_to_alert": round(to_alert, 1),
        "seconds_from_alert_to_decision": round(to_decision, 1),
        "decision": decided.action,
        "names_its_alert": "CrossfadeDrift" in decided.reason,
        "champion_is_new": is_new,
        "seconds_to_quiet": round(to_quiet, 1),
        "runs_started_by_drift_and_storm": runs,
        **poisoned,
    }
    bars = {
        "names_its_alert": Bar(float("CrossfadeDrift" in decided.reason), at_least=1),
        "runs_started_by_drift_and_storm": Bar(runs, at_most=2),
        "champion_stays_when_poisoned": Bar(float(poisoned["champion_stays_when_poisoned"]), at_least=1),
    }
    return Result(figures, bars, [f"Alerts of the storm: {STORM:,}. The lake was poisoned before it."])


def _poisoned(loop: Loop, twin: Twin, folder: Path) -> dict[str, float]:
    """Import plays of tracks that nobody knows, let a storm of alerts ask for a training, and see what becomes of it."""
    champion, ended = loop.workspace.champion_digest(), loop.ended()
    events = _of_days(twin.events, twin.spec.start, LEARNT_DAYS)
    unknown = pc.binary_join_element_wise("poison", events.column(c.TRACK_ID), "-")
    names = pc.binary_join_element_wise("poison", events.column(c.EVENT_ID), "-")
    for name, column in ((c.TRACK_ID, unknown), (c.EVENT_ID, names)):
        events = events.set_column(events.schema.get_field_index(name), name, column)
    _import_events(events, loop.lake, folder)
    loop.send(STORM, "PoisonedStorm")
    wait_for("the end of the run", lambda: loop.ended() > ended, TRAINING_SECONDS)
    return {
        "champion_stays_when_poisoned": float(loop.workspace.champion_digest() == champion),
        "poisoned_run_failed": float(loop.journal()[-1] == "failed"),
    }


def _drifted(twin: Twin) -> pa.Table:
    """Return the days after those that were learnt, with a shift of taste in one country."""
    day = twin.spec.start + timedelta(days=LEARNT_DAYS)
    events = _of_days(twin.events, day, SPEC.num_days - LEARNT_DAYS)
    return KINDS["taste_shift"].plant(events, twin.tracks, np.random.default_rng(SPEC.seed))[0]


def _of_days(events: pa.Table, first: date, number: int) -> pa.Table:
    days = pa.array([first + timedelta(days=place) for place in range(number)], pa.date32())
    return events.filter(pc.is_in(events.column(c.TIMESTAMP).cast(pa.date32()), days))


def _import_days(twin: Twin, lake: Lake, folder: Path, first: date, number: int) -> None:
    settings = load_settings(assignments=SET)
    for source, table in (("catalogue", twin.tracks), ("users", twin.users), ("artists", twin.artists)):
        pq.write_table(table, folder / f"{source}.parquet")
        import_files(lake, source, [folder / f"{source}.parquet"], settings=settings)
    _import_events(_of_days(twin.events, first, number), lake, folder)


def _import_events(events: pa.Table, lake: Lake, folder: Path) -> None:
    path = folder / f"events-{len(list(folder.glob('events-*')))}.parquet"
    pq.write_table(events, path)
    import_files(lake, "events", [path], settings=load_settings(assignments=SET))


def _crossfade(command: str, pipeline: str, lake: Lake, workspace: Workspace) -> None:
    changes = [part for each in SET for part in ("--set", each)]
    places = ["--lake", str(lake.path), "--workspace", str(workspace.path)]
    code = "import sys; from crossfade.cli.main import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", code, command, pipeline, *places, *changes], check=True)
