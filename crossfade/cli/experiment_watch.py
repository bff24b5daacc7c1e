"""`crossfade experiment watch`: guardrails that act within a minute, for as long as it runs."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from crossfade.cli.options import chosen_settings, settings_options
from crossfade.cli.signals import until_told_to_stop


@click.command("watch")
@click.option(
    "--workspace",
    "workspace_dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Has champion and store.",
)
@click.option(
    "--rollout",
    "directory",
    type=click.Path(path_type=Path),
    help="Directory of objects and history; by default in the workspace.",
)
@click.option(
    "--prometheus", "prometheus_url", metavar="URL", required=True, help="Where the alarms are looked at."
)
@click.option(
    "--every", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds between looks."
)
@click.option("--namespace", help="Apply what was rolled back to this namespace; without it, Git is the way.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that its metrics are shown at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8092, show_default=True, help="Of its metrics."
)
@settings_options
def watch_command(
    workspace_dir: Path,
    directory: Path | None,
    prometheus_url: str,
    *,
    every: float,
    namespace: str | None,
    host: str,
    port: int,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Look at the alarms of all running experiments again and again until Ctrl-C; one that is raised rolls back at once.

    A Prometheus that is away stops nothing: it is told once, and the next look asks again.

    \b
    Example:
      crossfade experiment watch --workspace workspace --prometheus http://localhost:9090
      crossfade experiment watch --workspace workspace --prometheus http://prometheus:9090 --namespace crossfade --host 0.0.0.0
    """
    from crossfade.experiments.alarms import Prometheus
    from crossfade.experiments.installation import Installation
    from crossfade.experiments.stepping import Rollout
    from crossfade.experiments.watching import Watch, keep_looking
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.exposition import Exposition, served
    from crossfade.schema.metrics import WATCH_METRICS

    workspace, exposition = Workspace.open(workspace_dir), Exposition(WATCH_METRICS)
    settings, prometheus = chosen_settings(settings_file, assignments), Prometheus(prometheus_url)
    rollout = Rollout(directory or workspace.rollout, Installation(workspace, settings))
    watch = Watch(rollout, prometheus, _tell, exposition, _applying(rollout.directory, namespace))
    with served(exposition, host, port) as shown, until_told_to_stop() as is_told:
        click.echo(
            f"Watching {rollout.directory} every {every:g} s; metrics at http://{host}:{shown}/metrics"
        )
        keep_looking(lambda: watch.look(datetime.now(UTC)), every, is_told)


def _tell(sentence: str) -> None:
    click.echo(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {sentence}")


def _applying(directory: Path, namespace: str | None) -> Callable[[], object]:
    """Return what tells a cluster of the rollout's directory; nothing without a namespace."""
    if not namespace:
        return lambda: None
    from components.rollout.cluster import Cluster

    cluster = Cluster.connected(namespace)
    return lambda: cluster.apply(directory)
