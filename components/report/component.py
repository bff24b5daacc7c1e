"""KFP component: one page on what a training run did."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def report(
    counts: Input[Artifact],
    validation: Input[Artifact],
    evaluation: Input[Artifact],
    decision: Input[Artifact],
    workspace: str,
    run: str,
    page: Output[HTML],
) -> None:
    """Write the report of a run, as an artifact and into the workspace."""
    from pathlib import Path

    from crossfade.evaluation.report.gather import Parts, report_run
    from crossfade.recommender.workspace import Workspace

    parts = Parts(*(Path(part.path) for part in (counts, validation, evaluation, decision)))
    report_run(parts, Workspace.open(Path(workspace)), run, Path(page.path))
