"""KFP component: which bundle is published."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def find_champion(workspace: str) -> str:
    """Return the champion's digest; without one the pipeline stops."""
    from pathlib import Path

    from crossfade.recommender.workspace import Workspace

    return Workspace.open(Path(workspace)).champion().name
