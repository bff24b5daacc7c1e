"""The closed loop with a real training: alert, webhook, training, gate, new champion, quiet; and poison that is refused."""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from benchmarks.harness import Bar, Options, Result
from benchmarks.monitoring_servers import (
    alertmanager,
    asked,
    exporter,
    firing,
    prometheus,
    receiver,
    wait_for,
    why_not,
)
from benchmarks.retraining_loop.installation import POISONS, SET, Installation, Poison, installed
from crossfade.schema.errors import CrossfadeError
from crossfade.twin.spec import TwinSpec
from monitoring.receiver.ledger import JOURNAL

SPEC: Final = TwinSpec(num_users=400, num_tracks=1000, num_days=56, seed=11, listens_per_day=6.0)
QUICK: Final = TwinSpec(num_users=300, num_tracks=600, num_days=56, seed=11, listens_per_day=6.0)
STORM: Final = 1000
RUN_SECONDS: Final = 600
ALERT_SECONDS: Final = 120  # longer than a busy machine takes to start all servers and to look some times
ALERT: Final = "CrossfadeDrift"
VALIDATION: Final = "validate-data"


@dataclass(frozen=True)
class Ended:
    """How one loop ended.

    Args:
        outcome: What the training came to: promoted, or who refused (gate, validation); else what failed.
        runs: Trainings that were started.
        is_champion_kept: Whether the old champion still is.
        alert_seconds: From the start of the servers to the alert.
        run_seconds: From the alert to the end of the training.
        quiet_seconds: From there to the end of the alert; NaN where it goes on.
        reason: Of the gate.
    """

    outcome: str
    runs: int
    is_champion_kept: bool
    alert_seconds: float
    run_seconds: float
    quiet_seconds: float
    reason: str


def run(options: Options) -> Result:
    """Train a champion, let listening drift, and let an alert start a training of what is sound and of what is poisoned.

    Exporter, Prometheus, Alertmanager, receiver and pipeline run as processes with the configuration of `monitoring/`, only
    looking more often. While the sound training is at work, a storm of 1,000 more alerts arrives.

    Raises:
        CrossfadeError: A server is not installed, or a command failed.
    """
    if reason := why_not():
        raise CrossfadeError(reason)
    spec = QUICK if options.quick else SPEC
    with TemporaryDirectory() as folder:
        made = installed(_made(Path(folder) / "installation"), spec)
        ended = {"sound": _loop(made.copied(Path(folder) / "sound"), storm=STORM)}
        for name, poison in POISONS[:1] if options.quick else POISONS:
            poisoned = made.copied(Path(folder) / name)
            _poison(poisoned, poison)
            ended[name] = _loop(poisoned)
    return result(ended, spec, quick=options.quick)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _poison(found: Installation, poison: Poison) -> None:
    """Import poison after the look for drift, as it would come in between two looks."""
    events = pq.read_table(found.folder / "events.parquet")
    rows = poison(events, np.random.default_rng(found.spec.seed))
    found.imported("events", rows, "--max-quarantined", "1")


def _loop(found: Installation, storm: int = 0) -> Ended:
    """Start everything, and touch nothing until it is over."""
    old = found.workspace.champion_digest()
    with ExitStack() as parts:
        started = time.monotonic()
        changes = (*SET, "receiver.attempts=1", "receiver.recheck_seconds=0.1")
        receiver_port = parts.enter_context(receiver(found.folder, found.workspace.path, found.lake, changes))
        exporter_port = parts.enter_context(exporter(found.folder, found.workspace.path, found.lake))
        manager = parts.enter_context(alertmanager(found.folder, receiver_port))
        ports = {8091: exporter_port, 8090: receiver_port, 9093: int(manager.rpartition(":")[2])}
        watching = parts.enter_context(prometheus(found.folder, ports))
        wait_for("an alert", lambda: ALERT in firing(watching), ALERT_SECONDS)
        alerted = time.monotonic()
        wait_for("a training", lambda: "running" in journal(found), ALERT_SECONDS)
        if storm:
            _storm(found, manager, storm)
        wait_for("its end", lambda: {"finished", "failed"} & set(journal(found)), RUN_SECONDS)
        ended = time.monotonic()
        outcome, reason = _outcome(found, old)
        quiet = float("nan")
        if outcome == "promoted":
            wait_for("quiet", lambda: ALERT not in firing(watching), ALERT_SECONDS)
            quiet = time.monotonic() - ended
            found.crossfade("drift", "--listening-only")
            time.sleep(3)  # some scrapes and evaluations
            quiet = quiet if ALERT not in firing(watching) else float("nan")
        runs = journal(found).count("start")
    is_kept = found.workspace.champion_digest() == old
    return Ended(outcome, runs, is_kept, alerted - started, ended - alerted, quiet, reason)


def _storm(found: Installation, manager: str, number: int) -> None:
    """Let many alerts arrive at once, and wait until each was decided about."""
    before, now = len(journal(found)), datetime.now(UTC).isoformat()
    labels = {"alertname": ALERT, "retrain": "true"}
    alerts = [{"labels": labels | {"measure": f"m{place}"}, "startsAt": now} for place in range(number)]
    asked(f"{manager}/api/v2/alerts", alerts)
    wait_for("all alerts", lambda: journal(found)[before:].count("busy") >= number, ALERT_SECONDS)


def journal(found: Installation) -> list[str]:
    """Return what the receiver decided and did, the oldest first."""
    path = found.workspace.retraining / JOURNAL
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return [json.loads(line)["what"] for line in lines]


def _outcome(found: Installation, old: str | None) -> tuple[str, str]:
    """Return who decided what, and the gate's reason."""
    last = found.workspace.promotions.lines()[-1]
    if failed := found.failed_step():
        return ("validation" if failed == VALIDATION else failed), ""
    if last.action == "refuse":
        return "gate", last.reason
    return ("promoted" if last.digest != old else "unchanged"), last.reason


def result(ended: dict[str, Ended], spec: TwinSpec, *, quick: bool) -> Result:
    """Return figures and bars.

    Args:
        ended: By name of the loop: sound, garbage, made_up_saves.
        spec: Of the listeners.
        quick: Whether the last was left out.
    """
    figures: dict[str, float | int | str | bool] = {"quick": quick}
    for name, each in ended.items():
        figures[f"{name}_outcome"] = each.outcome
        figures[f"{name}_trainings"] = each.runs
        figures[f"{name}_seconds_to_the_alert"] = round(each.alert_seconds, 1)
        figures[f"{name}_seconds_to_the_end_of_the_training"] = round(each.run_seconds, 1)
    sound, poisoned = ended["sound"], [each for name, each in ended.items() if name != "sound"]
    bars = {
        "sound_promoted": Bar(sound.outcome == "promoted" and not sound.is_champion_kept, at_least=1),
        "sound_quiet_after_seconds": Bar(sound.quiet_seconds, at_most=60),
        "trainings_of_each": Bar(max(each.runs for each in ended.values()), at_most=1),
        "poisoned_refused": Bar(
            sum(each.is_champion_kept and each.outcome in ("gate", "validation") for each in poisoned),
            at_least=len(poisoned),
        ),
    }
    notes = [
        f"{spec.num_users} listeners, {spec.num_tracks} tracks; {STORM:,} more alerts while the sound training was at work.",
        *(f"{name}: {each.outcome}. {each.reason}" for name, each in ended.items()),
    ]
    return Result(figures, bars, notes)
