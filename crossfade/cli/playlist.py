"""`crossfade playlist`: a user's stored playlist."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.contract import Generation, StoredSlate


@click.command("playlist", short_help="Show a user's stored playlist.")
@click.argument("user")
@click.option(
    "--workspace", "workspace_dir", type=click.Path(path_type=Path), required=True, help="Has the store."
)
@click.option("--surface", "surface_name", default="discover_weekly", show_default=True, help="Which one.")
@click.option(
    "--store",
    "store_url",
    default="",
    help="redis://HOST:PORT/DB or cassandra://HOST:PORT/KEYSPACE; else the workspace's own.",
)
@click.option(
    "--time-zone",
    "zone",
    default="",
    metavar="ZONE",
    help="Where the listener is, such as Europe/Berlin, for weeks that come at everybody's own Monday; else their country's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def playlist_command(
    user: str, workspace_dir: Path, *, surface_name: str, store_url: str, zone: str, as_json: bool
) -> None:
    """Show the playlist that is published for USER, as listeners get it now.

    \b
    Example:
      crossfade playlist u1042 --workspace workspace
      crossfade playlist u1042 --workspace workspace --surface radio --json
      crossfade playlist u1042 --workspace workspace --time-zone Pacific/Auckland
    """
    import time

    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.errors import InputError, NotFoundError
    from crossfade.schema.zones import zone_named
    from crossfade.store.mondays import Shown
    from crossfade.store.opening import opened
    from crossfade.store.own_slates import own_slate

    if zone and zone_named(zone) is None:
        raise InputError(f"--time-zone must be one of the tz database, such as Europe/Berlin; got {zone!r}.")
    workspace = Workspace.open(workspace_dir)
    surface, store = surface_of(surface_name), opened(store_url, workspace)
    reader = store.reader(surface)
    slate = own_slate(Shown(store, surface, time.time(), zone), user, workspace.path)
    if slate is None:
        raise NotFoundError(
            f"User {user!r} has no {surface} playlist; generation {reader.generation.name} is for "
            f"{len(reader):,} others. Check the id; a new user needs: crossfade import events, then "
            "crossfade run weekly."
        )
    generation = store.reader(surface, slate.generation).generation
    if as_json:
        click.echo(json.dumps(_object(slate, generation), ensure_ascii=False))
    else:
        _show(slate, generation, workspace)


def _object(slate: "StoredSlate", generation: "Generation") -> dict[str, Any]:
    columns = zip(slate.track_ids, slate.scores.tolist(), slate.sources, slate.reasons, strict=True)
    return {
        "user_id": slate.user_id,
        "playlist_id": slate.playlist_id,
        "surface": generation.surface,
        "generation": generation.name,
        "bundle": generation.bundle,
        "tracks": [
            {"track_id": track, "score": round(score, 6), "source": source, "reason": reason or None}
            for track, score, source, reason in columns
        ],
    }


def _show(slate: "StoredSlate", generation: "Generation", workspace: "Workspace") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from crossfade.store.naming import track_names

    console = Console()
    table = Table(
        "",
        "Track",
        "Artist",
        "Score",
        "Reason",
        title=f"{generation.surface} of {slate.user_id}",
        caption=f"playlist {slate.playlist_id}\ngeneration {generation.name}, bundle {generation.bundle}",
    )
    names = track_names(workspace.bundles / generation.bundle, slate.track_ids)
    for place, (name, score, reason) in enumerate(
        zip(names, slate.scores, slate.reasons, strict=True), start=1
    ):
        table.add_row(*map(Text, (str(place), name.title, name.artist, f"{score:.3f}", reason)))
    if slate.track_ids:
        console.print(table)
    else:
        click.echo(
            f"{slate.user_id} has an empty {generation.surface} playlist: no track is left to recommend."
        )
