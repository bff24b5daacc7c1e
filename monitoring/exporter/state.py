"""What workspace and lake say of themselves, as metrics: batch jobs leave files, which are read when Prometheus asks."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from crossfade.lake.lake import SILVER, Lake
from crossfade.quality.validate import LAST_CHECK
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.batch_metrics import (
    WEEKLY_DONE,
    WEEKLY_FINISH,
    WEEKLY_MEDIAN,
    WEEKLY_PLANNED,
    WEEKLY_SHORT,
    WEEKLY_SLOW,
    WEEKLY_SLOWEST,
    WEEKLY_STARTED,
    WEEKLY_UNFINISHED,
    WEEKLY_USERS,
)
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metric import Metric
from crossfade.schema.metrics import (
    BROKEN,
    DRIFT,
    DRIFT_ALARM_DAYS,
    DRIFT_CHECKED,
    GATE_DECISIONS,
    GENERATION_ACTIVATED,
    GENERATION_USERS,
    INDEX_RECALL,
    NEWEST_EVENT,
    PROMOTED,
    STATE_METRICS,
    SURFACES,
    UNREADABLE,
    VALIDATED,
    Recorder,
)
from crossfade.schema.tables import EVENTS
from crossfade.store.contract import SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.progress import Progress, newest_plan
from crossfade.store.rows import RowStore
from monitoring.drift.measures import NORMS, OF_CHAMPION, OF_LISTENING, SCORES
from monitoring.exporter.experiments import record_experiments
from monitoring.exporter.features import record_features


@dataclass(frozen=True)
class State:
    """One installation.

    Args:
        workspace: Bundles, playlists, drift.
        lake: None where only the workspace is watched.
        store: Of generations; None is the workspace's own.
        rollout: Of experiments; None is the workspace's own.
        features: Opens where online features live; None is the workspace's own.
    """

    workspace: Workspace
    lake: Lake | None = None
    store: SlateStore | None = None
    rollout: Path | None = None
    features: Callable[[], RowStore] | None = None

    def exposition(self) -> Exposition:
        """Return all metrics as they stand now; a part that cannot be read is told, and hides no other.

        What is not known is not shown: a time of 0 would be an alarm.
        """
        found = _Values()
        parts: dict[str, Callable[[Recorder], None]] = {
            "lake": self._lake,
            "validation": self._validation,
            "drift": self._drift,
            "champion": self._champion,
            "generations": self._generations,
            "batches": self._batches,
            "experiments": self._experiments,
            "features": self._features,
        }
        for name, read in parts.items():
            try:
                read(found)
            except (CrossfadeError, OSError, ValueError, KeyError):
                found.record(UNREADABLE, 1, part=name)
        return found.exposition()

    def _lake(self, recorder: Recorder) -> None:
        if self.lake is not None and self.lake.has(SILVER, EVENTS.name):
            newest = newest_event(self.lake)
            if newest is not None:
                recorder.record(NEWEST_EVENT, newest.timestamp())

    def _validation(self, recorder: Recorder) -> None:
        if self.lake is not None and (self.lake.path / LAST_CHECK).is_file():
            check = _read(self.lake.path / LAST_CHECK)
            recorder.record(VALIDATED, _seconds(check["checked_at"]))
            recorder.record(BROKEN, check["failed"])

    def _drift(self, recorder: Recorder) -> None:
        known = (
            *(measure.name for measure in (*OF_LISTENING, *OF_CHAMPION)),
            NORMS,
            SCORES,
            *c.RADIO_FEATURES,
        )
        for name in known:
            recorder.record(DRIFT, 0, measure=name)
        path = self.workspace.drift_figures
        if path.is_file():
            found = _read(path)
            recorder.record(DRIFT_CHECKED, _seconds(found["checked_at"]))
            # What an earlier champion had drifted from says nothing of the one that was trained since.
            if found["verdict"] and found["bundle"] == self.workspace.champion_digest():
                recorder.record(DRIFT_ALARM_DAYS, sum(number > 0 for number in found["verdict"]["alarms"]))
                for name, ratio in found["ratios"].items():
                    recorder.record(DRIFT, ratio, measure=name)

    def _champion(self, recorder: Recorder) -> None:
        lines = self.workspace.promotions.lines()
        for line in lines:
            recorder.record(GATE_DECISIONS, 1, action=line.action)
        digest = self.workspace.champion_digest()
        if digest is not None:
            promoted = [line.time for line in lines if line.digest == digest and line.action != "refuse"]
            recorder.record(PROMOTED, _seconds(promoted[-1]))
            recall = read_manifest(self.workspace.bundle(digest))["metrics"].get("index_recall")
            if recall is not None:
                recorder.record(INDEX_RECALL, recall)

    def _generations(self, recorder: Recorder) -> None:
        store = self.store or EmbeddedStore(self.workspace.store)
        for surface in SURFACES:
            if store.live(surface) is not None:
                recorder.record(GENERATION_USERS, len(store.reader(surface)), surface=surface)
                if (since := store.live_since(surface)) is not None:
                    recorder.record(GENERATION_ACTIVATED, since, surface=surface)

    def _experiments(self, recorder: Recorder) -> None:
        record_experiments(self.rollout or self.workspace.rollout, recorder, datetime.now(UTC))

    def _features(self, recorder: Recorder) -> None:
        record_features(self.features() if self.features else EmbeddedStore(self.workspace.store), recorder)

    def _batches(self, recorder: Recorder) -> None:
        for surface in SURFACES:
            plan = newest_plan(self.workspace, surface)
            if plan is not None:
                _record_batch(recorder, surface, Progress.of(plan, time.time()))


def _record_batch(recorder: Recorder, surface: str, batch: Progress) -> None:
    shards = batch.durations
    figures: dict[Metric, float | None] = {
        WEEKLY_PLANNED: batch.planned,
        WEEKLY_STARTED: batch.started,
        WEEKLY_USERS: batch.num_users,
        WEEKLY_DONE: batch.num_done,
        WEEKLY_FINISH: batch.finish,
        WEEKLY_SHORT: batch.num_short / batch.num_done if batch.num_done else 0.0,
        WEEKLY_MEDIAN: shards.median_seconds,
        WEEKLY_SLOWEST: shards.slowest.seconds if shards.slowest else None,
        WEEKLY_SLOW: shards.slow_share,
        WEEKLY_UNFINISHED: shards.unfinished[0].seconds if shards.unfinished else None,
    }
    for metric, value in figures.items():
        if value is not None:
            recorder.record(metric, value, surface=surface)


class _Values:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self._told: list[tuple[Metric, float, dict[str, str]]] = []

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        self._told.append((metric, value, labels))

    def exposition(self) -> Exposition:
        """Return what was told, and counts of 0 where all labels are known."""
        told = {metric for metric, _, _ in self._told}
        exposition = Exposition(metric for metric in STATE_METRICS if metric in told or metric.values)
        for metric, value, labels in self._told:
            exposition.record(metric, value, **labels)
        return exposition


def newest_event(lake: Lake) -> datetime | None:
    """Return when the newest event of silver happened, from Delta's log alone; None where the log does not say."""
    actions = pa.table(lake.delta(SILVER, EVENTS.name).get_add_actions(flatten=True))
    name: Final = f"max.{c.TIMESTAMP}"
    known = (
        [each for each in actions.column(name).to_pylist() if each] if name in actions.column_names else []
    )
    newest = max(known, default=None)
    return newest.astimezone(UTC) if newest else None


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
