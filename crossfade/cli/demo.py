"""`crossfade demo`: the whole loop on one machine, from data to a playlist."""

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

from crossfade.cli.options import chosen_settings, settings_options
from crossfade.cli.run import run_pipeline
from crossfade.schema.errors import InputError
from crossfade.schema.settings import Settings

if TYPE_CHECKING:
    from crossfade.lake.lake import Lake

ABOUT: Final = "demo.json"
# Source of an import -> file; a directory of data has some of them, events at least.
FILES: Final = {
    "catalogue": "tracks.parquet",
    "artists": "artists.parquet",
    "users": "users.parquet",
    "playlists": "playlists.parquet",
    "events": "events.parquet",
}


@click.command("demo", short_help="Run the whole loop on simulated listeners, down to a playlist.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Where everything goes.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Use the Parquet files in this directory instead."
)
@click.option("--users", type=int, default=800, show_default=True, help="Simulated listeners.")
@click.option("--tracks", type=int, default=3_000, show_default=True, help="Simulated tracks.")
@click.option("--days", type=int, default=60, show_default=True, help="Days of listening.")
@click.option("--seed", type=int, default=42, show_default=True, help="Equal seeds give equal listeners.")
@settings_options
@click.pass_context
def demo_command(
    ctx: click.Context,
    *,
    directory: Path,
    data: Path | None,
    users: int,
    tracks: int,
    days: int,
    seed: int,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Run the whole loop, down to a listener's playlist and a report.

    Simulates listeners (or takes your events.parquet and tracks.parquet), imports their listening into a lake,
    trains and judges a recommender, publishes a playlist for everybody, and shows one. What was finished when
    the demo was stopped is not done again.

    \b
    Example:
      crossfade demo
      crossfade demo --users 500 --tracks 2000 --days 42 --directory small-demo
      crossfade demo --data exports --directory my-demo
    """
    settings = chosen_settings(settings_file, assignments)
    console = Console(stderr=True)
    spec = {"users": users, "tracks": tracks, "days": days, "seed": seed}
    _require_same_demo(directory, {"data": str(data.resolve())} if data else spec)
    if data is None:
        data = _simulated(directory / "data", spec, console)
        _name_simulated(directory / "lake", spec)
    lake = _imported(directory / "lake", data, settings, console)
    workspace = directory / "workspace"
    run = run_pipeline("training", lake.path, workspace, settings, console)
    run_pipeline("weekly", lake.path, workspace, settings, console)
    _show(ctx, _listener(lake), workspace, run)


def _require_same_demo(directory: Path, source: dict[str, Any]) -> None:
    """Refuse to mix the listening of two demos in one lake.

    Raises:
        InputError: The directory holds another demo, or something else.
    """
    about = directory / ABOUT
    if about.is_file():
        known = json.loads(about.read_text("utf-8"))
        if known != source:
            raise InputError(
                f"{directory} holds a demo of {known}, not of {source}; name another --directory or remove this one."
            )
    elif directory.exists() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty and holds no demo; name another --directory.")
    directory.mkdir(parents=True, exist_ok=True)
    about.write_text(json.dumps(source), "utf-8")


def _simulated(directory: Path, spec: dict[str, int], console: Console) -> Path:
    from crossfade.cli.forking import forker
    from crossfade.twin.spec import TwinSpec
    from crossfade.twin.twin import simulate

    forker()  # imports meanwhile
    console.print("simulating {users:,} listeners of {tracks:,} tracks over {days} days".format(**spec))
    simulate(TwinSpec(spec["users"], spec["tracks"], spec["days"], spec["seed"])).write(directory)
    return directory


def _name_simulated(lake: Path, spec: dict[str, int]) -> None:
    """Name simulated listeners by a key that follows from the demo: equal demos make equal bundles."""
    from crossfade.schema.user_keys import UserKey, lake_keys, write_keys

    if lake_keys(lake) is None:
        write_keys(lake, (UserKey(sha256(json.dumps(spec).encode()).digest()),))


def _imported(directory: Path, data: Path, settings: Settings, console: Console) -> "Lake":
    """Import what a directory has; importing the same again changes nothing."""
    from crossfade.lake.lake import Lake
    from crossfade.sources.importing import import_files

    if not (data / FILES["events"]).is_file():
        raise InputError(
            f"{data} has no {FILES['events']}; a demo needs at least that, and best {FILES['catalogue']} too."
        )
    lake = Lake.open(directory) if directory.exists() else Lake.create(directory)
    for source, name in FILES.items():
        if (data / name).is_file():
            report = import_files(lake, source, [data / name], settings=settings)
            for line in (*report.tables, *report.notes):
                console.print(f"imported {line}", highlight=False, soft_wrap=True)
    return lake


def _listener(lake: "Lake") -> str:
    """Choose whose playlist to show: a listener who listens more than most, the same every time."""
    from crossfade.lake.own_ids import own_ids
    from crossfade.schema import columns as c

    profiles = lake.read("gold", "user_profiles")
    names = own_ids(lake, profiles.column(c.USER_ID).to_pylist())
    tracks = zip(profiles.column("num_tracks").to_pylist(), names.values(), strict=True)
    return sorted(tracks)[len(names) * 3 // 4][1]


def _show(ctx: click.Context, user: str, workspace: Path, run_id: str) -> None:
    from crossfade.cli.playlist import playlist_command
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.tables import Surface
    from crossfade.store.embedded import EmbeddedStore
    from crossfade.store.own_slates import own_slate

    surface = Surface.DISCOVER_WEEKLY
    ctx.invoke(
        playlist_command,
        user=user,
        workspace_dir=workspace,
        surface_name=surface,
        store_url="",
        as_json=False,
    )
    slate = own_slate(EmbeddedStore(Workspace(workspace).store).reader(surface), user, workspace)
    click.echo(f"\nReport: {workspace / 'reports' / run_id}.html\n\nTry next:")
    for command in (
        *(f"why {user} {track} --workspace {workspace}" for track in (slate.track_ids[:1] if slate else ())),
        f"recommend --workspace {workspace} --surface radio {user}",
        f"evaluate --workspace {workspace} --lake {workspace.parent / 'lake'}",
        f"run training --workspace {workspace} --lake {workspace.parent / 'lake'}",
        "import --help",
    ):
        click.echo(f"  crossfade {command}")
