"""`crossfade lineage`: what led to a bundle, a generation or a slate."""

import json
from pathlib import Path

import click


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
def lineage_command(
    name: str, *, workspace_path: Path, lake_path: Path | None, store_url: str, as_json: bool
) -> None:
    """Show which data, code, parents, decisions and alerts led to a bundle (its digest), a generation or a slate (its id).

    A slate's exposure names no bundle: what is shown is the champion of that moment, and the experiment and variant.

    \b
    Example:
      crossfade lineage 1f2e3d4c5b6a7988 --workspace workspace
      crossfade lineage 20251127-0a1b2c3d4e5f --workspace workspace --json
    """
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.opening import opened
    from crossfade.store.origins import lines_of, origin

    workspace = Workspace.open(workspace_path)
    lake = Lake.open(lake_path) if lake_path else None
    found = origin(name, workspace, opened(store_url, workspace), lake)
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in lines_of(found):
        click.echo(line)
