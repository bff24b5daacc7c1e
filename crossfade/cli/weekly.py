"""`crossfade weekly`: how far the weekly batch is, and its shards on Spark."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crossfade.cli.options import chosen_settings, settings_options

if TYPE_CHECKING:
    from crossfade.store.progress import Progress

MOST_NAMED: Final = 10  # shards of a line

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
@click.option(
    "--slow",
    "slow_times",
    type=click.FloatRange(1, min_open=True),
    default=3.0,
    show_default=True,
    help="Name shards that take more than so many times the median.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status_command(workspace_dir: Path, *, surface_name: str, slow_times: float, as_json: bool) -> None:
    """Show how far the newest batch is, how fast it goes, how much time is left, and which shards hold it up.

    \b
    Example:
      crossfade weekly status --workspace workspace
      crossfade weekly status --workspace workspace --slow 2
    """
    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.progress import progress_of

    progress = progress_of(Workspace.open(workspace_dir), surface_of(surface_name), slow_times)
    if as_json:
        rate, finish = progress.users_per_second, progress.finish
        click.echo(json.dumps({**asdict(progress), "users_per_second": rate, "finish": finish}))
    else:
        click.echo(f"{progress.generation}: {progress}")
        for line in _of_shards(progress, slow_times):
            click.echo(line)


def _of_shards(progress: "Progress", slow_times: float) -> list[str]:
    """Return what durations tell, a line each; of long lists the first few."""
    from crossfade.store.durations import duration

    found, lines = progress.durations, []
    if found.median_seconds is not None:
        lines.append(
            f"{progress.num_shards_done:,} of {progress.num_shards:,} shards: median {duration(found.median_seconds)}, "
            f"slowest {found.slowest}"
        )
    named = (
        (f"more than {slow_times:g} times the median", found.slow),
        ("begun and not finished", found.unfinished),
    )
    for words, shards in named:
        if shards:
            more = f" and {len(shards) - MOST_NAMED:,} more" if len(shards) > MOST_NAMED else ""
            lines.append(f"{words}: {', '.join(map(str, shards[:MOST_NAMED]))}{more}")
    return lines


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
    """Plan a batch for the champion, or for the bundle of weekly.variant, and make its shards on Spark at lake.spark_master.

    Dataset and workspace must be at these paths for driver and executors. What is finished is kept, whoever made it, so
    `crossfade run weekly` with the same dataset goes on from here and publishes.

    \b
    Example:
      crossfade weekly spark --workspace /mnt/w --dataset /mnt/d --set lake.spark_master=k8s://https://kube
      crossfade weekly spark --workspace workspace --dataset dataset --set lake.spark_master='local[2]'
    """
    from tempfile import TemporaryDirectory

    from crossfade.experiments.publishing import bundle_to_publish
    from crossfade.lake.engine_spark import in_one_line, spark_session
    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.plan import plan_shards
    from crossfade.store.progress import progress_of
    from crossfade.store.shards_spark import Batch, generate_on_spark

    settings, surface = chosen_settings(settings_file, assignments), surface_of(surface_name)
    workspace = Workspace.open(workspace_dir)
    weekly = settings.weekly
    bundle = bundle_to_publish(workspace, weekly.variant)
    first = plan_shards(dataset_dir, bundle, workspace, weekly, surface)[0]
    batch = Batch(dataset_dir, bundle, workspace_dir, weekly, surface, first.generation)
    advice = "Shards that are finished are kept; mend it and run this again."
    with (
        TemporaryDirectory() as scratch,
        spark_session(Path(scratch), settings.lake.spark_master) as session,
        in_one_line(f"A shard of {first.generation}", advice),
    ):
        generate_on_spark(session, batch)
    click.echo(f"{first.generation}: {progress_of(workspace, surface)}")
