"""`crossfade store`: look after published playlists."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crossfade.store.contract import SlateStore

WORKSPACE = click.option(
    "--workspace", "workspace_dir", type=click.Path(path_type=Path), required=True, help="Has the store."
)
SURFACE = click.option(
    "--surface", "surface_name", default="discover_weekly", show_default=True, help="Whose playlists."
)
STORE = click.option(
    "--store",
    "store_url",
    default="",
    help="redis://HOST:PORT/DB or cassandra://HOST:PORT/KEYSPACE; else the workspace's own.",
)
VARIANT = click.option(
    "--variant", default="", help="EXPERIMENT.VARIANT whose own playlists are meant; else everybody's."
)


@click.group()
def store_group() -> None:
    """Look after published playlists: which generations there are, and a step back."""


@store_group.command("generations")
@WORKSPACE
@SURFACE
@STORE
@VARIANT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def generations_command(
    workspace_dir: Path, *, surface_name: str, store_url: str, variant: str, as_json: bool
) -> None:
    """List the published generations; a star marks the live one.

    \b
    Example:
      crossfade store generations --workspace workspace
    """
    store, surface = _opened(workspace_dir, surface_name, store_url, variant)
    live = store.live(surface)
    generations = store.generations(surface)
    if not generations and not as_json:
        click.echo(f"No {surface} playlists are published yet; run: crossfade run weekly")
    for generation in generations:
        as_of = datetime.fromtimestamp(generation.as_of, UTC).isoformat()
        if as_json:
            about = {"surface": surface, "generation": generation.name, "live": generation.name == live}
            about |= {"bundle": generation.bundle, "as_of": as_of, "users": generation.num_users}
            click.echo(json.dumps(about))
        else:
            mark = "*" if generation.name == live else " "
            about_it = f"{generation.num_users:,} users  bundle {generation.bundle}  as of {as_of}"
            click.echo(f"{mark} {generation.name}  {about_it}")


@store_group.command("rollback")
@WORKSPACE
@SURFACE
@STORE
@VARIANT
def rollback_command(workspace_dir: Path, *, surface_name: str, store_url: str, variant: str) -> None:
    """Make the generation before the live one live again, by one atomic write.

    \b
    Example:
      crossfade store rollback --workspace workspace --surface discover_weekly
      crossfade store rollback --workspace workspace --variant louder.b
    """
    store, surface = _opened(workspace_dir, surface_name, store_url, variant)
    left = store.live(surface)
    click.echo(f"{surface}: {left} -> {store.rollback(surface)}")


def _opened(workspace_dir: Path, surface_name: str, store_url: str, variant: str) -> tuple["SlateStore", str]:
    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.contract import variant_surface
    from crossfade.store.opening import opened

    surface = variant_surface(surface_of(surface_name), variant)
    return opened(store_url, Workspace.open(workspace_dir)), surface
