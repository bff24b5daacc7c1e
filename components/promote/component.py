"""KFP component: make a bundle the champion."""

from kfp import dsl
from kfp.dsl import Artifact, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def promote(
    bundle: str,
    decision: Input[Artifact],
    evaluation: Input[Artifact],
    workspace: str,
    settings: str,
    run: str,
    trigger: str = "",
) -> None:
    """Register a bundle, note in the promotion log that it is the champion, and point the alias at it."""
    from pathlib import Path

    from crossfade.evaluation import outcomes
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings

    outcomes.promote(
        Workspace.open(Path(workspace)),
        bundle,
        run,
        settings=parse_settings(settings),
        judged=outcomes.Judged.load(Path(decision.path), Path(evaluation.path), trigger),
    )
