"""What a decision changes outside of the rollout's directory: the champion, and the live generation of a stored surface."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from crossfade.experiments.history import Line
from crossfade.experiments.spec import Experiment, ExperimentSpec
from crossfade.experiments.variant_policy import by_policy_key
from crossfade.recommender.other_policy import with_policy
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import Settings
from crossfade.store.contract import SlateStore
from crossfade.store.weekly import store_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Installation:
    """A workspace with its store and model registry.

    Args:
        workspace: Has promotion log and bundles.
        settings: `rollout`, `tracking` and `weekly` are read.
    """

    workspace: Workspace
    settings: Settings

    def require(self, spec: ExperimentSpec) -> None:
        """Refuse variants that cannot be served.

        Raises:
            NotFoundError: A variant's bundle is not in the workspace.
            IntegrityError: The bundle of a variant with a policy of its own is damaged.
        """
        for variant in spec.variants:
            self.workspace.bundle(variant.bundle)
        self.with_policies(spec)

    def with_policies(self, spec: ExperimentSpec) -> dict[str, str]:
        """Return digests of bundles with the treatments' own policies, made where they are missing.

        Returns:
            Treatment -> digest; those without a policy of their own are not named.

        Raises:
            NotFoundError: A variant's bundle is gone.
            IntegrityError: It is damaged.
        """
        return {
            variant.name: with_policy(
                self.workspace.bundle(variant.bundle),
                spec.surface,
                by_policy_key(variant.policy),
                self.workspace.bundles,
            ).name
            for variant in spec.variants
            if variant.policy is not None
        }

    def promote(self, experiment: Experiment, bundle: str, line: Line) -> None:
        """Make a treatment's bundle the champion, in place of control's alone, and point the alias; again changes nothing.

        Raises:
            NotFoundError: The bundle is not in the workspace.
            CrossfadeError: The champion is neither control's bundle nor this one by now.
        """
        run_id = f"experiment-{experiment.metadata.name}"
        registry = Registry(self.settings.tracking, self.workspace)
        registry.register(self.workspace.bundle(bundle), run_id=run_id)
        self.workspace.promote(
            bundle,
            reason=line.reasons[0],
            run_id=run_id,
            evaluation=dict(_figures(line.seen.get("effects", {}))),
            reigning=experiment.spec.variants[0].bundle,
        )
        registry.point("champion", bundle)

    def take_back(self, spec: ExperimentSpec) -> None:
        """Make the newest generation live that no treatment's bundle made, where such a one is; again changes nothing."""
        control, *treatments = (variant.bundle for variant in spec.variants)
        store, surface = store_of(self.workspace, self.settings.weekly), str(spec.surface)
        theirs = {*treatments, *self._left_with_policies(spec)} - {control}
        while _live_bundle(store, surface) in theirs:
            try:
                logger.info("%s goes back to generation %s.", surface, store.rollback(surface))
            except NotFoundError as error:
                logger.warning("%s keeps its generation: %s", surface, error)
                return

    def _left_with_policies(self, spec: ExperimentSpec) -> list[str]:
        """Return the digests of `with_policies`; a bundle that is gone holds up nobody who rolls back."""
        try:
            return list(self.with_policies(spec).values())
        except NotFoundError as error:
            logger.warning("A treatment's bundle is gone: %s", error)
            return []


def _live_bundle(store: SlateStore, surface: str) -> str | None:
    live = store.live(surface)
    return next((each.bundle for each in store.generations(surface) if each.name == live), None)


def _figures(
    effects: Mapping[str, Mapping[str, Mapping[str, float | None]]],
) -> dict[str, list[float | None]]:
    """Return estimate, low and high of every metric and treatment."""
    return {
        f"{metric} of {name}": [told[end] for end in ("estimate", "low", "high")]
        for metric, arms in effects.items()
        for name, told in arms.items()
    }
