"""The weekly pipeline: from the champion to a published playlist for every user."""

from kfp import dsl

from components.find_champion.component import find_champion
from components.generate_shard.component import generate_shard
from components.make_dataset.component import make_dataset
from components.plan_shards.component import plan_shards
from components.publish.component import publish
from components.refresh_lake.component import refresh_lake
from components.validate_data.component import validate_data
from pipelines.sizing import MEDIUM, ONE_CORE, SMALL, sized


@dsl.pipeline(name="weekly")
def weekly(
    lake: str = "/mnt/crossfade/lake",
    workspace: str = "/mnt/crossfade/workspace",
    settings: str = "",
    surface: str = "discover_weekly",
) -> None:
    """Recommend to every user with the champion, and switch readers to the new playlists once all are there.

    Args:
        lake: Directory of the lake.
        workspace: Directory of bundles and of the store.
        settings: YAML of the shape of `crossfade settings`; what it leaves out keeps its default.
        surface: Whose policy makes the playlists.
    """
    bundle = sized(find_champion(workspace=workspace, settings=settings), SMALL, is_reused=False).output
    refreshed = sized(refresh_lake(lake=lake, settings=settings), SMALL, is_reused=False)
    versions = refreshed.outputs["Output"]
    validated = sized(validate_data(lake=lake, settings=settings, versions=versions), SMALL, is_reused=False)
    made = sized(make_dataset(lake=lake, settings=settings, versions=versions).after(validated), MEDIUM)
    batch = {"dataset": made.outputs["dataset"], "workspace": workspace, "settings": settings}

    # Plan, shards and generations are in the workspace and know themselves whether they are finished.
    shards = sized(plan_shards(bundle=bundle, surface=surface, **batch), SMALL, is_reused=False)
    # KFP's local runner gives the loop's item to every parameter that is another task's output, so a shard takes none.
    with dsl.ParallelFor(shards.output, parallelism=64) as shard:
        generated = sized(generate_shard(shard=shard, **batch), ONE_CORE, retries=4, is_reused=False)
    published = publish(workspace=workspace, settings=settings, surface=surface, shards=shards.output)
    sized(published.after(generated), MEDIUM, is_reused=False)
