"""KFP component: recommend to the users of one shard."""

from typing import Any

from kfp import dsl
from kfp.dsl import Dataset, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def generate_shard(dataset: Input[Dataset], workspace: str, settings: str, shard: dict[str, Any]) -> None:
    """Recommend to the users of one shard with the bundle of its plan; a shard that is finished is kept."""
    from pathlib import Path

    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings
    from crossfade.store import shards
    from crossfade.store.plan import ShardSpec, read_plan

    opened, weekly, spec = (
        Workspace.open(Path(workspace)),
        parse_settings(settings).weekly,
        ShardSpec.of(shard),
    )
    planned, _ = read_plan(opened, spec.surface, spec.generation)
    shards.generate_shard(Path(dataset.path), opened.bundle(planned.bundle), opened, weekly, spec)
