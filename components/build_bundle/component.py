"""KFP component: everything that a recommender needs, as one immutable directory."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def build_bundle(
    dataset: Input[Dataset],
    sources: Input[Model],
    ranker: Input[Model],
    until: str,
    settings: str,
    workspace: str,
    parent: str = "",
) -> str:
    """Write a bundle into the workspace and return its digest; an equal one that is there is kept."""
    from pathlib import Path

    from crossfade.recommender import fit, other_policy
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings

    opened = Workspace.create(Path(workspace))
    bundle = fit.build_bundle(
        Path(dataset.path),
        Path(sources.path),
        Path(ranker.path),
        opened.bundles,
        until=until,
        settings=parse_settings(settings),
        lineage=other_policy.lineage(opened, parent),
    )
    return bundle.name
