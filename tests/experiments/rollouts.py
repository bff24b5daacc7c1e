"""A workspace with a rollout in a folder, whose steps are told what to decide."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import yaml

from crossfade.experiments.decision import Action, Decision
from crossfade.experiments.history import Line
from crossfade.experiments.installation import Installation
from crossfade.experiments.spec import Experiment
from crossfade.experiments.stepping import Decide, Rollout
from crossfade.recommender.bundle import POLICIES, write_bundle
from crossfade.recommender.surfaces import write_policies
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import Settings, load_settings
from tests.experiments.test_spec import BUNDLE, manifest

NOW = datetime(2026, 3, 2, tzinfo=UTC)
OTHER = "fedcba9876543210"
SETTINGS = load_settings()


def experiment(name: str = "radio-flow", **changes: Any) -> Experiment:
    told = manifest()
    told["metadata"]["name"] = name
    told["spec"]["variants"][1] = {"name": "flow", "bundle": OTHER}
    told["spec"] |= changes
    return Experiment.model_validate(told)


def saying(action: Action, treatment: str | None = None) -> Decide:
    seen = {"effects": {"plays": {"flow": {"estimate": 0.1, "low": 0.05, "high": 0.15}}}}
    return lambda _: (Decision(action, treatment, (f"So {action}.",)), seen)


HOLD = saying(Action.HOLD)


def small_bundle(bundles: Path) -> Path:
    """Write a bundle of the default policies and one file more."""

    def fill(directory: Path) -> None:
        write_policies(directory / POLICIES)
        (directory / "model.txt").write_text("a model", "utf-8")

    return write_bundle(bundles, fill, {"parents": [], "window": {"end": 0}})


class RecordingRegistry:
    """Stands for MLflow, which test_outcomes runs; it takes seconds to start."""

    pointed: ClassVar[dict[str, str]] = {}

    def __init__(self, *_: object) -> None: ...

    def register(self, bundle: Path, *, run_id: str) -> int:
        return 1

    def point(self, alias: str, digest: str) -> int:
        self.pointed[alias] = digest
        return 1


@dataclass
class Place:
    """A workspace and a rollout in a folder; time goes on by a day a step."""

    home: Path
    now: datetime = NOW
    settings: Settings = SETTINGS

    def __post_init__(self) -> None:
        self.workspace = Workspace.create(self.home / "workspace")
        for digest in (BUNDLE, OTHER):
            (self.workspace.bundles / digest).mkdir()
        if not self.workspace.champion_digest():
            self.workspace.promote(BUNDLE, reason="First.", run_id="r", evaluation={})
        self.rollout = Rollout(self.home / "rollout", Installation(self.workspace, self.settings))

    def step(self, decide: Decide = HOLD, found: Experiment | None = None) -> Line | None:
        self.now += timedelta(days=1)
        return self.rollout.step(found or experiment(), decide, self.now)

    def files(self) -> dict[str, bytes]:
        home = self.rollout.directory
        paths = (path for path in home.rglob("*") if path.is_file())
        return {str(path.relative_to(home)): path.read_bytes() for path in paths}

    def object(self, path: str) -> dict[str, Any]:
        told: dict[str, Any] = yaml.safe_load((self.rollout.directory / path).read_text("utf-8"))
        return told
