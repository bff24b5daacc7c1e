"""Which bundle makes a batch of stored playlists: the champion, or that of a variant of a running experiment."""

from pathlib import Path

from crossfade.experiments.rendering import EXPERIMENTS
from crossfade.experiments.spec import read_experiment
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError


def bundle_to_publish(workspace: Workspace, variant: str) -> Path:
    """Return the directory of the bundle whose playlists are made.

    Args:
        workspace: With its rollout.
        variant: EXPERIMENT.VARIANT as in `weekly.variant`; empty, or of an experiment that this workspace does not run, is
            the workspace's champion.

    Raises:
        NotFoundError: There is no champion, or the variant's bundle is gone.
        InputError: The experiment runs, but has no such variant.
    """
    name, _, member = variant.partition(".")
    path = workspace.rollout / EXPERIMENTS / f"{name}.yaml"
    if not variant or not path.is_file():
        return workspace.champion()
    bundles = read_experiment(path).bundles
    if member not in bundles:
        raise InputError(f"weekly.variant={variant!r}: {path} has the variants {', '.join(bundles)}.")
    return workspace.bundle(bundles[member])
