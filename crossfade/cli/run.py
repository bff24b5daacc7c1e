"""`crossfade run`: a pipeline on this machine, under KFP's local runner."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from crossfade.cli.compile import PIPELINES, compiled, parameters
from crossfade.cli.options import TRIGGER, chosen_settings, settings_options
from crossfade.schema.settings import Settings

if TYPE_CHECKING:
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace


def run_pipeline(
    name: str, lake: Path, workspace: Path, settings: Settings, console: Console, *, trigger: str = ""
) -> str:
    """Run a pipeline on this machine, reporting its steps on a console.

    Args:
        name: One of `PIPELINES`.
        lake: A lake with imports.
        workspace: Made if missing.
        settings: All settings; they go into the pipeline as YAML.
        console: Where progress is shown.
        trigger: What started it; only training keeps it.

    Returns:
        The run's id.

    Raises:
        CrossfadeError: A step failed; InputError where it ended with one, or when another run is at work.
        NotFoundError: There is no lake.
    """
    from components.image import stamped_image
    from crossfade.cli.forking import forker
    from crossfade.cli.local_runs import run_locally
    from crossfade.cli.progress import reporting
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.user_keys import point_to_keys

    opened = Lake.open(lake)
    forker()  # imports meanwhile
    place = Workspace.create(workspace.resolve())
    _tell_of_keys(opened, settings, console)
    point_to_keys(place.path, opened.path)
    arguments = {
        "lake": str(opened.path.resolve()),
        "workspace": str(place.path),
        "settings": settings.dumps(),
    }
    text = compiled(name, stamped_image())
    if trigger and "trigger" in parameters(text):
        arguments["trigger"] = trigger
    start = time.monotonic()
    with reporting(console) as reporter:
        run = run_locally(text, arguments, place.runs, reporter)
    took = f"{name} finished in {time.monotonic() - start:.0f} s; logs: {run.directory}"
    for line in (took, *results(place, run.run_id)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return run.run_id


def _tell_of_keys(lake: "Lake", settings: Settings, console: Console) -> None:
    """Say so where the run is going to make the key of a lake, which it does where something was imported."""
    from crossfade.schema.user_keys import key_file, lake_keys

    if settings.privacy.pseudonymise and lake.versions() and lake_keys(lake.path) is None:
        told = f"users are named by a key from here on; keep it, but not with copies of the lake: {key_file(lake.path)}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)


def results(workspace: "Workspace", run_id: str) -> list[str]:
    """Tell what a run decided and where its report is; a weekly run has neither."""
    words = {"promote": "promoted", "refuse": "not promoted", "rollback": "rolled back to"}
    decided = [line for line in workspace.promotions.lines() if line.run_id == run_id]
    report = workspace.drift_page if run_id.startswith("drift-") else workspace.reports / f"{run_id}.html"
    lines = [f"{words[line.action]}: bundle {line.digest}. {line.reason}" for line in decided]
    return [*lines, *([f"report: {report}"] if report.is_file() else [])]


@click.command("run", short_help="Run a pipeline on this machine.")
@click.argument("pipeline", type=click.Choice(PIPELINES))
@click.option("--lake", type=click.Path(path_type=Path), required=True, help="Lake with the imports.")
@click.option(
    "--workspace", type=click.Path(path_type=Path), required=True, help="Directory of bundles and runs."
)
@TRIGGER
@settings_options
def run_command(
    pipeline: str,
    *,
    lake: Path,
    workspace: Path,
    trigger: str,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Run a pipeline on this machine, step by step, each step in a process of its own.

    The logs of the steps, their times and memory are in WORKSPACE/runs/<run>. When a step fails or the run is
    stopped, the same command goes on from there: steps that were finished are not done again.

    \b
    Example:
      crossfade run training --lake lake --workspace workspace
      crossfade run weekly --lake lake --workspace workspace --set weekly.users_per_shard=1000
    """
    settings = chosen_settings(settings_file, assignments)
    run_pipeline(pipeline, lake, workspace, settings, Console(stderr=True), trigger=trigger)
