"""Training as the pipeline does it: challenger, rival, gate, and what follows from the decision."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.twin_year.plan import Plan
from crossfade.evaluation.decision import Decision, Outcome
from crossfade.evaluation.outcomes import find_rival
from crossfade.evaluation.stages import evaluate_bundle, gate_bundles
from crossfade.features.dataset import Dataset
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.other_policy import CHANGES, lineage
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface


@dataclass(frozen=True)
class Training:
    """One training.

    Args:
        plan: Of the year.
        workspace: Has the champion, if there is one.
        dataset_dir: What is known by now.
        scratch: An empty directory.
        is_broken: Learn from data whose tracks a broken join has mixed up; judged is on what was really listened to.
        run_id: Its name in the promotion log.
    """

    plan: Plan
    workspace: Workspace
    dataset_dir: Path
    scratch: Path
    is_broken: bool
    run_id: str

    def run(self) -> str:
        """Train, judge, and promote if the gate lets it pass or there is none; return what became of it.

        The first model is not judged, since there is nothing that it could be worse than.
        """
        early, late, ranker = (self.scratch / name for name in ("until-validation", "until-test", "ranker"))
        fit_sources(self._learnt, early, until="validation", settings=self._settings)
        fit_ranker(self._learnt, early, ranker, self._settings)
        if self.workspace.champion_digest() is None:
            self._promote(early, ranker, "", "It is the first.")
            return "promoted"
        fit_sources(self._learnt, late, until="test", settings=self._settings, warm_start=early)
        challenger = self._built(late, ranker, "test", "")
        decision = self._decision(challenger)
        if decision.outcome is not Outcome.PROMOTE and self.plan.is_gated:
            reason = decision.reasons[0]
            self.workspace.refuse(challenger.name, reason=reason, run_id=self.run_id, evaluation={})
            return f"{decision.outcome}, kept out"
        self._promote(late, ranker, challenger.name, decision.reasons[0])
        return f"{decision.outcome}, promoted"

    @property
    def _settings(self) -> Settings:
        return self.plan.all_settings

    @cached_property
    def _learnt(self) -> Path:
        return _mixed_up(self.dataset_dir, self.scratch / "mixed-up") if self.is_broken else self.dataset_dir

    def _built(self, sources: Path, ranker: Path, until: str, parent: str) -> Path:
        about, bundles = _lineage(self.plan, self.workspace, parent), self.workspace.bundles
        return build_bundle(
            self._learnt, sources, ranker, bundles, until=until, settings=self._settings, lineage=about
        )

    def _decision(self, challenger: Path) -> Decision:
        rival = find_rival(self.workspace, self.dataset_dir)
        judged, other = self.scratch / "challenger", self.scratch / "champion"
        evaluate_bundle(self.dataset_dir, challenger, judged, self._settings)
        if rival.bundle:
            evaluate_bundle(self.dataset_dir, self.workspace.bundle(rival.bundle), other, self._settings)
        against, path = other if rival.bundle else None, self.scratch / "decision.json"
        return gate_bundles(judged, against, path, self._settings, reigning=rival.champion)

    def _promote(self, warm_start: Path, ranker: Path, parent: str, reason: str) -> None:
        final = self.scratch / "until-end"
        fit_sources(self._learnt, final, until="end", settings=self._settings, warm_start=warm_start)
        self.workspace.promote(
            self._built(final, ranker, "end", parent).name,
            reason=reason,
            run_id=self.run_id,
            evaluation={},
            reigning=self.workspace.champion_digest() or "",
        )


def _lineage(plan: Plan, workspace: Workspace, parent: str) -> dict[str, Any]:
    """Return the lineage; the first bundle of a year has the plan's policy, later ones the champion's."""
    told = lineage(workspace, parent)
    if workspace.champion_digest() is None:
        told[CHANGES] = {str(Surface.DISCOVER_WEEKLY): dict(plan.policy)}
    return told


def _mixed_up(dataset_dir: Path, directory: Path) -> Path:
    """Save a dataset in which everybody played the track that stands as far from the catalogue's end as theirs from its start.

    Moving by one would hardly change anything: the next track is mostly one of the same artist.
    """
    dataset = Dataset.load(dataset_dir)
    acts = dataset.interactions
    moved = replace(acts, track_rows=np.asarray(len(dataset.catalogue) - 1 - acts.track_rows, np.int32))
    replace(dataset, interactions=moved).save(directory)
    return directory
