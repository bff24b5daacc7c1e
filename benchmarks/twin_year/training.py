"""Training as the pipeline does it: challenger, rival, gate, and what follows from the decision."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
class Trained:
    """What became of one training.

    Args:
        outcome: The gate's.
        is_promoted: Whether the champion is another one now.
    """

    outcome: Outcome
    is_promoted: bool


def train(
    plan: Plan, workspace: Workspace, dataset_dir: Path, scratch: Path, *, is_broken: bool, run_id: str
) -> Trained:
    """Train a challenger, judge it, and promote it if the gate lets it pass, if there is no gate, or no champion yet.

    Args:
        plan: Of the year.
        workspace: Has the champion, if there is one.
        dataset_dir: What is known by now.
        scratch: An empty directory.
        is_broken: Train on data whose tracks a broken join has moved by one; judged is on what was really listened to.
        run_id: Names the training in the promotion log.
    """
    settings = plan.all_settings
    learnt = _mixed_up(dataset_dir, scratch / "mixed-up") if is_broken else dataset_dir
    early, late, ranker = (scratch / name for name in ("until-validation", "until-test", "ranker"))
    fit_sources(learnt, early, until="validation", settings=settings)
    fit_ranker(learnt, early, ranker, settings)
    fit_sources(learnt, late, until="test", settings=settings, warm_start=early)
    common: dict[str, Any] = {"settings": settings}
    challenger = build_bundle(
        learnt, late, ranker, workspace.bundles, until="test", lineage=_lineage(plan, workspace, ""), **common
    )
    decision = _gated(workspace, challenger, dataset_dir, scratch, settings)
    is_first = workspace.champion_digest() is None  # it is better than nothing, whatever the gate says of it
    if decision.outcome is not Outcome.PROMOTE and plan.is_gated and not is_first:
        workspace.refuse(challenger.name, reason=decision.reasons[0], run_id=run_id, evaluation={})
        return Trained(decision.outcome, False)
    final = scratch / "until-end"
    fit_sources(learnt, final, until="end", settings=settings, warm_start=late)
    about = _lineage(plan, workspace, challenger.name)
    bundle = build_bundle(learnt, final, ranker, workspace.bundles, until="end", lineage=about, **common)
    workspace.promote(
        bundle.name,
        reason=decision.reasons[0],
        run_id=run_id,
        evaluation={},
        reigning=workspace.champion_digest() or "",
    )
    return Trained(decision.outcome, True)


def _gated(
    workspace: Workspace, challenger: Path, dataset_dir: Path, scratch: Path, settings: Settings
) -> Decision:
    rival = find_rival(workspace, dataset_dir)
    judged, other = scratch / "challenger", scratch / "champion"
    evaluate_bundle(dataset_dir, challenger, judged, settings)
    if rival.bundle:
        evaluate_bundle(dataset_dir, workspace.bundle(rival.bundle), other, settings)
    against = other if rival.bundle else None
    return gate_bundles(judged, against, scratch / "decision.json", settings, reigning=rival.champion)


def _lineage(plan: Plan, workspace: Workspace, parent: str) -> dict[str, Any]:
    """Return the lineage; the first bundle of a year has the plan's policy, later ones the champion's."""
    told = lineage(workspace, parent)
    if workspace.champion_digest() is None:
        told[CHANGES] = {str(Surface.DISCOVER_WEEKLY): dict(plan.policy)}
    return told


def _mixed_up(dataset_dir: Path, directory: Path) -> Path:
    """Save a dataset in which everybody played the track that stands beside the one they played."""
    dataset = Dataset.load(dataset_dir)
    acts = dataset.interactions
    moved = replace(acts, track_rows=(acts.track_rows + 1) % len(dataset.catalogue))
    replace(dataset, interactions=moved).save(directory)
    return directory
