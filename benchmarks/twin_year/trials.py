"""Experiments as people run them: a manifest, a step every week, and what each decision leads to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from benchmarks.twin_year.plan import Plan, Trial
from crossfade.experiments.deciding import by_lake, by_log
from crossfade.experiments.history import Line
from crossfade.experiments.installation import Installation
from crossfade.experiments.participation import Participation, read_experiments
from crossfade.experiments.rendering import EXPERIMENTS
from crossfade.experiments.spec import Experiment
from crossfade.experiments.stepping import Rollout
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError
from crossfade.schema.tables import Surface

TREATMENT: Final = "other"
# Listeners are few, and how long they listen to playlists differs among them as much as its mean: what changes that by a half
# can be seen in weeks, less cannot.
RULES: Final[Mapping[str, Any]] = {
    "owner": "year@example.com",
    "surface": str(Surface.DISCOVER_WEEKLY),
    "primary": {"name": "dwell_time", "minimumEffect": 0.5},
    "guardrails": [{"name": "skip_rate", "higherIsBetter": False, "margin": 0.5}],
    "ramp": [
        {"shares": {TREATMENT: 0.2}, "minimumDuration": "P7D"},
        {"shares": {TREATMENT: 0.5}, "minimumDuration": "P14D"},
    ],
    "stop": {"minimumUsers": 15, "maximumDuration": "P49D"},
}


class _Installation(Installation):
    """An installation without MLflow, which only mirrors the promotion log; the base class saves us all that else a step does."""

    def promote(self, experiment: Experiment, bundle: str, line: Line) -> None:
        self.workspace.promote(
            bundle,
            reason=line.reasons[0],
            run_id=f"experiment-{experiment.metadata.name}",
            evaluation={},
            reigning=experiment.spec.variants[0].bundle,
        )


class Trials:
    """The experiments of a year, one after the other.

    Args:
        plan: Names them.
        workspace: Has champion and rollout.
        lake: Has exposures and what followed.
    """

    def __init__(self, plan: Plan, workspace: Workspace, lake: Lake) -> None:
        self._waiting, self._plan, self._lake = list(plan.trials), plan, lake
        self._workspace = workspace
        self._rollout = Rollout(workspace.rollout, _Installation(workspace, plan.all_settings))
        self._running: Experiment | None = None

    @property
    def participation(self) -> Participation | None:
        """Who takes part in what runs, as a gateway reads it; None while nothing does."""
        if self._running is None:
            return None
        (experiment,) = read_experiments(self._workspace.rollout / EXPERIMENTS)
        return Participation(experiment)

    def step(self, week: int, now: datetime) -> list[str]:
        """Take the next step of what runs, or begin what waits; return what was done."""
        if self._running is None:
            if not self._waiting or self._waiting[0].week > week:
                return []
            self._running = self._manifest(self._waiting.pop(0))
        experiment = self._running
        decide = by_lake(self._lake, experiment, self._plan.all_settings.lake)
        foresee = by_log(self._lake, self._rollout.installation, experiment, now)
        try:
            line = self._rollout.step(experiment, decide, now, foresee=foresee)
        except InputError:
            self._running = None
            return [f"{experiment.metadata.name}: the log kept it out"]
        assert line is not None, "a lake always decides"
        if not (self._workspace.rollout / EXPERIMENTS / f"{experiment.metadata.name}.yaml").is_file():
            self._running = None
        return [f"{experiment.metadata.name}: {line.action}, step {line.step}"]

    def _manifest(self, trial: Trial) -> Experiment:
        champion = self._workspace.champion().name
        variants = [
            {"name": "control", "bundle": champion},
            {"name": TREATMENT, "bundle": champion, "policy": dict(trial.policy)},
        ]
        told = {
            "apiVersion": "crossfade.dev/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": trial.name},
            "spec": {**RULES, "variants": variants},
        }
        return Experiment.model_validate(told)
