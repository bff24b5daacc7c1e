"""`crossfade weekly`: how far the weekly batch is, and its shards on Spark."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from crossfade.cli.options import chosen_settings, settings_options

WORKSPACE = click.option(
    "--workspace",
    "workspace_dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Has plan and shards.",
)
SURFACE = click.option(
    "--surface", "surface_name", default="discover_weekly", show_default=True, help="Whose playlists."
)


@click.group()
def weekly_group() -> None:
    """Watch the weekly batch, or make its shards on Spark."""


@weekly_group.command("status")
@WORKSPACE
@SURFACE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status_command(workspace_dir: Path, *, surface_name: str, as_json: bool) -> None:
    """Show how far the newest batch is, how fast it goes and how much time is left.

    \b
    Example:
      crossfade weekly status --workspace workspace
    """
    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.progress import progress_of

    progress = progress_of(Workspace.open(workspace_dir), surface_of(surface_name))
    if as_json:
        rate, finish = progress.users_per_second, progress.finish
        click.echo(json.dumps({**asdict(progress), "users_per_second": rate, "finish": finish}))
    else:
        click.echo(f"{progress.generation}: {progress}")


@weekly_group.command("spark")
@WORKSPACE
@SURFACE
@click.option(
    "--dataset",
    "dataset_dir",
    type=click.Path(path_type=Path),
    required=True,
    help="What make-dataset wrote; histories are read up to its end.",
)
@settings_options
def spark_command(
    workspace_dir: Path,
    *,
    surface_name: str,
    dataset_dir: Path,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Plan a batch for the champion and make its shards on Spark, where lake.spark_master says.

    Dataset and workspace must be at these paths for driver and executors. What is finished is kept, whoever made it, so
    `crossfade run weekly` with the same dataset goes on from here and publishes.

    \b
    Example:
      crossfade weekly spark --workspace /mnt/w --dataset /mnt/d --set lake.spark_master=k8s://https://kube
      crossfade weekly spark --workspace workspace --dataset dataset --set lake.spark_master='local[2]'
    """
    from tempfile import TemporaryDirectory

    from crossfade.lake.engine_spark import spark_session
    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.plan import plan_shards
    from crossfade.store.progress import progress_of
    from crossfade.store.shards_spark import Batch, generate_on_spark

    settings, surface = chosen_settings(settings_file, assignments), surface_of(surface_name)
    workspace = Workspace.open(workspace_dir)
    bundle, weekly = workspace.champion(), settings.weekly
    first = plan_shards(dataset_dir, bundle, workspace, weekly, surface)[0]
    batch = Batch(dataset_dir, bundle, workspace_dir, weekly, surface, first.generation)
    with TemporaryDirectory() as scratch, spark_session(Path(scratch), settings.lake.spark_master) as session:
        generate_on_spark(session, batch)
    click.echo(f"{first.generation}: {progress_of(workspace, surface)}")
