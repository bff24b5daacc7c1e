"""KFP component: which bundle is published."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def find_champion(workspace: str, settings: str = "") -> str:
    """Return the digest of the champion, or of the bundle of the variant that `weekly.variant` names; without either it stops."""
    from pathlib import Path

    from crossfade.experiments.publishing import bundle_to_publish
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings

    variant = parse_settings(settings).weekly.variant
    return bundle_to_publish(Workspace.open(Path(workspace)), variant).name
