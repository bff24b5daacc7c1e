"""KFP component: judge a bundle, its sources and baselines on the test period."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    dataset: Input[Dataset], bundle: str, workspace: str, settings: str, evaluation: Output[Artifact]
) -> None:
    """Judge a bundle on the test period; leave an empty folder when there is no bundle to judge ("")."""
    from pathlib import Path

    folder = Path(evaluation.path)
    folder.mkdir(parents=True, exist_ok=True)
    if bundle:
        from crossfade.evaluation.stages import evaluate_bundle
        from crossfade.recommender.workspace import Workspace
        from crossfade.schema.settings import parse_settings

        judged = Workspace.open(Path(workspace)).bundle(bundle)
        evaluate_bundle(Path(dataset.path), judged, folder, parse_settings(settings))
