"""`crossfade submit`: a pipeline version on a Kubeflow server, named by what is in it, and a run of it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from crossfade.cli.compile import PIPELINES, compiled, parameters, version_name
from crossfade.cli.options import TRIGGER, chosen_settings, settings_options
from crossfade.schema.errors import InputError


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
    trigger: str,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Upload a version of a pipeline, unless an equal one is there, and start a run of it.

    \b
    Example:
      crossfade submit training --host https://kubeflow.example --token-env KUBEFLOW_TOKEN
      crossfade submit weekly --host http://localhost:8888 --set weekly.users_per_shard=20000
    """
    from components.image import stamped_image
    from crossfade.cli.kubeflow import connect

    settings = chosen_settings(settings_file, assignments)
    text = compiled(pipeline, image or stamped_image())
    run = f"{pipeline}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    values = {"lake": lake, "workspace": workspace, "settings": settings.dumps(), "run": run}
    told = values | ({"trigger": trigger} if trigger else {})
    arguments = {name: value for name, value in told.items() if name in parameters(text)}
    with connect(host, _token(token_env), namespace) as server:
        version = server.upload(f"crossfade-{pipeline}", version_name(text), text)
        run_id = server.start(version, run, arguments, experiment)
    click.echo(f"{'uploaded' if version.is_new else 'reused'} version {version.name} of {version.pipeline}")
    click.echo(f"started run {run}: {host.rstrip('/')}/#/runs/details/{run_id}")


def _token(variable: str | None) -> str | None:
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise InputError(
            f"--token-env {variable}: the environment variable is not set or empty; it must hold a token."
        )
    return token
