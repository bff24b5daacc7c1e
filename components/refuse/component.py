"""KFP component: note that a challenger is not published."""

from kfp import dsl
from kfp.dsl import Artifact, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refuse(
    decision: Input[Artifact],
    evaluation: Input[Artifact],
    workspace: str,
    settings: str,
    run: str,
    trigger: str = "",
) -> None:
    """Register the challenger and note in the promotion log why the champion stays."""
    from pathlib import Path

    from crossfade.evaluation import outcomes
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings

    outcomes.refuse(
        Workspace.open(Path(workspace)),
        run,
        settings=parse_settings(settings),
        judged=outcomes.Judged.load(Path(decision.path), Path(evaluation.path), trigger),
    )
