"""`crossfade submit`: a pipeline version on a Kubeflow server, named by what is in it, and a run of it, or a schedule."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from crossfade.cli.compile import PIPELINES, compiled, parameters, version_name
from crossfade.cli.options import TRIGGER, bearer_token, chosen_settings, settings_options
from crossfade.schema.code import code_version
from crossfade.schema.revision import revision

SCHEDULED_TIME: Final = (
    "[[ScheduledTime.20060102T150405]]"  # Kubeflow puts the moment here, written as Go writes times
)


@click.command("submit", short_help="Upload a pipeline to a Kubeflow server and start a run.")
@click.argument("pipeline", type=click.Choice(PIPELINES))
@click.option(
    "--host", required=True, metavar="URL", help="The server, for example https://kubeflow.example."
)
@click.option("--token-env", metavar="NAME", help="Environment variable that holds a bearer token.")
@click.option("--namespace", help="Namespace of a server with several users.")
@click.option("--experiment", default="crossfade", show_default=True, help="Kubeflow experiment of the run.")
@click.option("--image", help="Image of every step; by default the one that holds exactly this code.")
@click.option("--lake", default="/mnt/crossfade/lake", show_default=True, help="Lake, as the steps see it.")
@click.option(
    "--workspace", default="/mnt/crossfade/workspace", show_default=True, help="Workspace, likewise."
)
@click.option(
    "--recurring", is_flag=True, help="Start no run now, but let the server on the schedule of the settings."
)
@click.option(
    "--rollout-namespace", default="", metavar="NAME", help="Where the experiment pipeline rolls out."
)
@TRIGGER
@settings_options
def submit_command(
    pipeline: str,
    *,
    host: str,
    token_env: str | None,
    namespace: str | None,
    experiment: str,
    image: str | None,
    lake: str,
    workspace: str,
    recurring: bool,
    rollout_namespace: str,
    trigger: str,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Upload a version of a pipeline, unless an equal one is there, and start a run of it.

    With --recurring the server starts the runs, as `schedules` of the settings says. The same command again changes
    nothing; with another version, schedule or settings it takes the place of the one before, whose run at work goes on.
    An empty schedule pauses it.

    \b
    Example:
      crossfade submit training --host https://kubeflow.example --token-env KUBEFLOW_TOKEN
      crossfade submit weekly --host http://localhost:8888 --set weekly.users_per_shard=20000
      crossfade submit weekly --host http://localhost:8888 --recurring --set 'schedules.weekly=30 1 * * 6'
    """
    from components.image import stamped_image
    from crossfade.cli.kubeflow import Wanted, connect
    from crossfade.cli.recurring import schedule

    settings = chosen_settings(settings_file, assignments)
    text = compiled(pipeline, image or stamped_image(), steps=settings.steps)
    run = f"{pipeline}-{SCHEDULED_TIME if recurring else format(datetime.now(UTC), '%Y%m%dT%H%M%S')}"
    values = {"lake": lake, "workspace": workspace, "settings": settings.of_steps(), "run": run}
    told = values | _given(trigger=trigger, namespace=rollout_namespace)
    declared = parameters(text)
    arguments = {name: value for name, value in told.items() if name in declared}
    # Said afterwards, since nothing gets to the terminal while KFP's client is at work.
    with connect(host, bearer_token(token_env), namespace) as server:
        version = server.upload(f"crossfade-{pipeline}", version_name(text), text, _origin())
        wanted = Wanted(version, arguments, experiment, settings.steps.service_account)
        cron = str(getattr(settings.schedules, pipeline))
        if recurring:
            done = schedule(server, version.pipeline, cron, wanted)
        else:
            started = server.start(run, wanted)
    click.echo(f"{'uploaded' if version.is_new else 'reused'} version {version.name} of {version.pipeline}")
    if recurring:
        place = f": {host.rstrip('/')}/#/recurringrun/details/{done.run_id}" if done.run_id else ""
        click.echo(f"{done.outcome} {version.pipeline} at {cron!r}{place}")
    else:
        click.echo(f"started run {run}: {host.rstrip('/')}/#/runs/details/{started}")


def _given(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _origin() -> str:
    """Tell where a version's code came from; the hash names it even where Git does not know it."""
    return f"Crossfade {code_version()}, Git revision {revision() or 'unknown'}"
