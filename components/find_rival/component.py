"""KFP component: which bundle the challenger is compared with."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def find_rival(dataset: Input[Dataset], workspace: str) -> NamedTuple(  # type: ignore[valid-type]
    "Rival", [("bundle", str), ("champion", str)]
):
    """Return the digests of the bundle that stands for the champion on the test period and of the champion."""
    from pathlib import Path

    from crossfade.evaluation import outcomes
    from crossfade.recommender.workspace import Workspace

    return outcomes.find_rival(Workspace.create(Path(workspace)), Path(dataset.path))
