"""KFP component: which bundle the challenger is compared with."""

from kfp import dsl
from kfp.dsl import Dataset, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def find_rival(dataset: Input[Dataset], workspace: str) -> str:
    """Return the digest of the bundle that stands for the champion on the test period, "" for none."""
    from pathlib import Path

    from crossfade.evaluation import outcomes
    from crossfade.recommender.workspace import Workspace

    return outcomes.find_rival(Workspace.create(Path(workspace)), Path(dataset.path))
