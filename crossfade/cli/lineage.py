"""`crossfade lineage`: what led to a bundle, a generation or a slate."""

import json
from pathlib import Path

import click

from crossfade.cli.options import chosen_settings, settings_options


@click.command("lineage", short_help="Show what led to a bundle, a generation or a slate.")
@click.argument("name")
@click.option(
    "--workspace", "workspace_path", type=click.Path(path_type=Path), required=True, help="Where it stands."
)
@click.option(
    "--lake",
    "lake_path",
    type=click.Path(path_type=Path),
    help="Lake with imported exposures, to find slates in.",
)
@click.option("--store", "store_url", default="", help="redis://HOST:PORT/DB; else the workspace's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with settings and figures.")
@settings_options
def lineage_command(
    name: str,
    *,
    workspace_path: Path,
    lake_path: Path | None,
    store_url: str,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Show which data, code, parents, decisions and alerts led to a bundle (its digest), a generation or a slate (its id).

    Where MLflow knows the runs that decided, their parameters and figures are shown, too.

    A slate's exposure names the bundle that answered, or the generation that it was read from, with experiment and variant;
    one that names neither is told by the champion of its moment.

    \b
    Example:
      crossfade lineage 1f2e3d4c5b6a7988 --workspace workspace
      crossfade lineage 20251127-0a1b2c3d4e5f --workspace workspace --json
    """
    from crossfade.lake.lake import Lake
    from crossfade.recommender.registry import Registry
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.errors import CrossfadeError
    from crossfade.store.opening import opened
    from crossfade.store.origins import lines_of, origin, run_ids, with_runs

    workspace = Workspace.open(workspace_path)
    lake = Lake.open(lake_path) if lake_path else None
    found = origin(name, workspace, opened(store_url, workspace), lake)
    registry = Registry(chosen_settings(settings_file, assignments).tracking, workspace)
    if registry.is_there:
        try:
            found["bundle"] = with_runs(found["bundle"], registry.logged(run_ids(found["bundle"])))
        except CrossfadeError as error:  # what manifests tell is told without it
            click.echo(f"runs are not looked up: {error}", err=True)
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in lines_of(found):
        click.echo(line)
