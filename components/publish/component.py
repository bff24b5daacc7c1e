"""KFP component: verify a generation and make it live."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def publish(workspace: str, settings: str, surface: str, shards: list[dict[str, Any]]) -> None:
    """Load the shards into the store, verify the whole, then switch readers over by one atomic write."""
    import logging
    from pathlib import Path

    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings
    from crossfade.schema.tables import Surface
    from crossfade.store import weekly

    opened, name, of = Workspace.open(Path(workspace)), shards[0]["generation"], Surface(surface)
    limits = parse_settings(settings).weekly
    published = weekly.publish(opened, limits, of, name)
    removed = weekly.activate(opened, limits, of, name)
    logging.info("%s is live; removed %s", published, removed or "none")
