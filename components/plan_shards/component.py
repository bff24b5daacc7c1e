"""KFP component: cut all users into units of work."""

from typing import Any

from kfp import dsl
from kfp.dsl import Dataset, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_shards(
    dataset: Input[Dataset], bundle: str, workspace: str, settings: str, surface: str
) -> list[dict[str, Any]]:
    """Write down the plan of a generation, if its store answers; return one specification for each shard."""
    from pathlib import Path

    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings
    from crossfade.schema.tables import Surface
    from crossfade.store import plan
    from crossfade.store.weekly import store_of

    opened = Workspace.open(Path(workspace))
    directory, weekly = opened.bundle(bundle), parse_settings(settings).weekly
    # A store that is away is told now, and not once all shards are made.
    store_of(opened, weekly).live(surface)
    shards = plan.plan_shards(Path(dataset.path), directory, opened, weekly, Surface(surface))
    return [shard.as_json() for shard in shards]
