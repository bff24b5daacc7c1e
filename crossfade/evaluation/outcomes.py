"""What follows from a decision: the bundle registered, the run logged, the champion changed or kept."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from crossfade.evaluation.decision import Decision, Outcome
from crossfade.evaluation.evaluation import EVERYONE
from crossfade.evaluation.json_files import as_json
from crossfade.evaluation.lineage import comparable_bundle
from crossfade.evaluation.suite import Suite
from crossfade.features.dataset import Dataset
from crossfade.recommender.other_policy import with_policies_of
from crossfade.recommender.promotions import Promotion
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import Settings

logger = logging.getLogger(__name__)

STARTED_BY: Final = "Training was started by "


@dataclass(frozen=True)
class Judged:
    """A challenger's evaluation and the gate's decision on it.

    Args:
        decision: The gate's.
        suite: The evaluation.
        trigger: What started the training, for example an alert; empty where a person or a schedule did.
    """

    decision: Decision
    suite: Suite
    trigger: str = ""

    @classmethod
    def load(cls, decision: Path, evaluation: Path, trigger: str = "") -> "Judged":
        """Read what `gate_bundles` and `evaluate_bundle` wrote.

        Raises:
            IntegrityError: A file is damaged, or the two are of different bundles.
        """
        judged = cls(Decision.load(decision), Suite.load(evaluation), trigger)
        if judged.decision.challenger != judged.suite.recommender.bundle:
            raise IntegrityError(
                f"The decision in {decision} is on bundle {judged.decision.challenger}, the evaluation in "
                f"{evaluation} is of {judged.suite.recommender.bundle}; run the training pipeline again."
            )
        return judged

    @property
    def reason(self) -> str:
        """Why, in a sentence or more."""
        started = [f"{STARTED_BY}{self.trigger}."] if self.trigger else []
        return " ".join([*self.decision.reasons, *started])

    @property
    def figures(self) -> dict[str, list[float | None]]:
        """Mean, low and high of every metric of the whole recommender."""
        return {name: as_json(found) for name, found in self.suite.recommender.summary[EVERYONE].items()}


class Rival(NamedTuple):
    """Whom a challenger meets.

    Args:
        bundle: Digest of the bundle that stands for the champion on the test period, "" when none can.
        champion: Digest of the champion, "" when there is none yet.
    """

    bundle: str
    champion: str


def find_rival(workspace: Workspace, dataset_dir: Path) -> Rival:
    """Find the bundle that stands for the champion on a dataset's test period.

    It has the champion's policies, which an experiment may have changed since it was made. A champion of whose family all know
    the test period has none: the gate then refuses the challenger.
    """
    champion = workspace.champion_digest()
    if champion is None:
        logger.info("There is no champion yet; the challenger is judged as a first model.")
        return Rival("", "")
    found = comparable_bundle(workspace.bundles, champion, Dataset.load(dataset_dir).split.test_start)
    if found is None:
        logger.warning(
            "Champion %s and all of its parents know the test period, so the challenger cannot be compared "
            "with it; the champion stays.",
            champion,
        )
        return Rival("", champion)
    found = with_policies_of(found, workspace.bundle(champion), workspace.bundles)
    logger.info("Bundle %s stands for champion %s on the test period.", found.name, champion)
    return Rival(found.name, champion)


def promote(
    workspace: Workspace, digest: str, run_id: str, *, settings: Settings, judged: Judged
) -> Promotion:
    """Make a bundle the champion: log the run, register, note it in the promotion log, point the alias.

    The promotion log decides; it is written after what may fail and before the alias that mirrors it.

    Args:
        workspace: Keeps bundles and log.
        digest: The bundle to publish, a child of the challenger that was judged.
        run_id: The run that decided.
        settings: Tracking; all of them are logged.
        judged: The challenger's evaluation and the decision, which must say promote.

    Raises:
        IntegrityError: The decision does not promote.
        CrossfadeError: The champion is no longer the one that the challenger was judged against.
    """
    if judged.decision.outcome is not Outcome.PROMOTE:
        raise IntegrityError(
            f"Bundle {digest} cannot be promoted: the decision on its parent {judged.decision.challenger} is "
            f"{judged.decision.outcome}; run the training pipeline again."
        )
    registry = _logged(workspace, run_id, settings, judged)
    registry.register(workspace.bundle(digest), run_id=run_id)
    promotion = workspace.promote(
        digest,
        reason=judged.reason,
        run_id=run_id,
        evaluation=judged.figures,
        reigning=judged.decision.reigning,
    )
    registry.point("champion", digest)
    return promotion


def refuse(workspace: Workspace, run_id: str, *, settings: Settings, judged: Judged) -> Promotion:
    """Note that a challenger was judged and the champion stays; arguments as in `promote`."""
    registry = _logged(workspace, run_id, settings, judged)
    challenger = judged.decision.challenger
    noted = workspace.refuse(challenger, reason=judged.reason, run_id=run_id, evaluation=judged.figures)
    champion = workspace.champion_digest()
    if champion is not None:
        # A run that was killed between the log and the alias left the alias behind.
        registry.register(workspace.bundle(champion), run_id=run_id)
        registry.point("champion", champion)
    return noted


def roll_back(workspace: Workspace, run_id: str, *, reason: str, settings: Settings) -> Promotion:
    """Make the champion before this one the champion again, and point the alias at it.

    Raises:
        NotFoundError: There was none before, or its bundle is gone.
    """
    restored = workspace.rollback_champion(reason=reason, run_id=run_id)
    registry = Registry(settings.tracking, workspace)
    registry.register(workspace.bundle(restored.digest), run_id=run_id)
    registry.point("champion", restored.digest)
    return restored


def _logged(workspace: Workspace, run_id: str, settings: Settings, judged: Judged) -> Registry:
    registry, decision = Registry(settings.tracking, workspace), judged.decision
    means = {name: values[0] for name, values in judged.figures.items() if values[0] is not None}
    tags = {
        "crossfade.outcome": str(decision.outcome),
        "crossfade.challenger": decision.challenger,
        "crossfade.champion": decision.champion,
        "crossfade.reason": judged.reason,
    }
    registry.log_run(run_id, params=settings.model_dump(), metrics=means, tags=tags)
    registry.register(workspace.bundle(decision.challenger), run_id=run_id)
    registry.point("challenger", decision.challenger)
    return registry
