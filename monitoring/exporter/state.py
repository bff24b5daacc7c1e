"""What workspace and lake say of themselves, as metrics: batch jobs leave files, which are read when Prometheus asks."""

import json
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
    WEEKLY_DONE,
    WEEKLY_SHORT,
    WEEKLY_STARTED,
    WEEKLY_USERS,
)
from crossfade.schema.tables import EVENTS
from crossfade.store.embedded import CURRENT, EmbeddedStore
from crossfade.store.plan import PLAN
from crossfade.store.shards import FEW_CANDIDATES
from monitoring.drift.measures import OF_CHAMPION, OF_LISTENING
from monitoring.drift.report import FILE


@dataclass(frozen=True)
class State:
    """One installation.

    Args:
        workspace: Bundles, playlists, drift.
        lake: None where only the workspace is watched.
    """

    workspace: Workspace
    lake: Lake | None = None

    def exposition(self) -> Exposition:
        """Return all metrics as they stand now; a part that cannot be read is told, and hides no other."""
        exposition = Exposition(STATE_METRICS)
        parts: dict[str, Callable[[Exposition], None]] = {
            "lake": self._lake,
            "validation": self._validation,
            "drift": self._drift,
            "champion": self._champion,
            "generations": self._generations,
            "batches": self._batches,
        }
        for name, read in parts.items():
            try:
                read(exposition)
            except (CrossfadeError, OSError, ValueError, KeyError):
                exposition.record(UNREADABLE, 1, part=name)
        return exposition

    def _lake(self, exposition: Exposition) -> None:
        if self.lake is not None and self.lake.has(SILVER, EVENTS.name):
            newest = newest_event(self.lake)
            if newest is not None:
                exposition.record(NEWEST_EVENT, newest.timestamp())

    def _validation(self, exposition: Exposition) -> None:
        if self.lake is not None and (self.lake.path / LAST_CHECK).is_file():
            check = _read(self.lake.path / LAST_CHECK)
            exposition.record(VALIDATED, _seconds(check["checked_at"]))
            exposition.record(BROKEN, check["failed"])

    def _drift(self, exposition: Exposition) -> None:
        for measure in (*OF_LISTENING, *OF_CHAMPION):
            exposition.record(DRIFT, 0, measure=measure.name)
        path = self.workspace.drift / FILE
        if path.is_file():
            found = _read(path)
            exposition.record(DRIFT_CHECKED, _seconds(found["checked_at"]))
            # What an earlier champion had drifted from says nothing of the one that was trained since.
            if found["verdict"] and found["bundle"] == self.workspace.champion_digest():
                exposition.record(DRIFT_ALARM_DAYS, sum(number > 0 for number in found["verdict"]["alarms"]))
                for name, ratio in found["ratios"].items():
                    exposition.record(DRIFT, ratio, measure=name)

    def _champion(self, exposition: Exposition) -> None:
        lines = self.workspace.promotions.lines()
        for line in lines:
            exposition.record(GATE_DECISIONS, 1, action=line.action)
        digest = self.workspace.champion_digest()
        if digest is not None:
            promoted = [line.time for line in lines if line.digest == digest and line.action != "refuse"]
            exposition.record(PROMOTED, _seconds(promoted[-1]))
            recall = read_manifest(self.workspace.bundle(digest))["metrics"].get("index_recall")
            if recall is not None:
                exposition.record(INDEX_RECALL, recall)

    def _generations(self, exposition: Exposition) -> None:
        store = EmbeddedStore(self.workspace.store)
        for surface in SURFACES:
            live = store.live(surface)
            if live is not None:
                switched = (self.workspace.store / surface / CURRENT).stat().st_mtime
                exposition.record(GENERATION_ACTIVATED, switched, surface=surface)
                exposition.record(GENERATION_USERS, len(store.reader(surface)), surface=surface)

    def _batches(self, exposition: Exposition) -> None:
        for surface in SURFACES:
            plans = list((self.workspace.weekly / surface).glob(f"*/{PLAN}"))
            if plans:
                self._batch(exposition, surface, max(plans, key=lambda plan: plan.stat().st_mtime))

    def _batch(self, exposition: Exposition, surface: str, plan: Path) -> None:
        receipts = [_read(path) for path in plan.parent.glob("shard-*.json")]
        done = sum(receipt["num_users"] for receipt in receipts)
        short = sum(receipt["short"].get(FEW_CANDIDATES, 0) for receipt in receipts)
        figures: dict[Metric, float] = {
            WEEKLY_STARTED: plan.stat().st_mtime,
            WEEKLY_USERS: _read(plan)["generation"]["num_users"],
            WEEKLY_DONE: done,
            WEEKLY_SHORT: short / done if done else 0.0,
        }
        for metric, value in figures.items():
            exposition.record(metric, value, surface=surface)


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
