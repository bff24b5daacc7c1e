"""`crossfade index`: new releases enter the index between two trainings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.bundles import bundle_options

if TYPE_CHECKING:
    from crossfade.recommender.index_add import Added
    from crossfade.recommender.workspace import Workspace


@click.group()
def index_group() -> None:
    """Look after the index of a trained bundle."""


@index_group.command("add")
@click.argument("tracks_file", metavar="TRACKS", type=click.Path(path_type=Path))
@bundle_options
@click.option(
    "--audio",
    "audio_dir",
    type=click.Path(path_type=Path),
    help="Folder of WAV or FLAC files named by track id, for a bundle that was trained with two_tower.audio_folder.",
)
@click.option("--promote", is_flag=True, help="Make the new bundle the workspace's champion.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add_command(
    tracks_file: Path,
    bundle_dir: Path | None,
    workspace_dir: Path | None,
    *,
    audio_dir: Path | None,
    promote: bool,
    as_json: bool,
) -> None:
    """Add the new releases of a Parquet, CSV or JSONL file to a bundle, without training.

    TRACKS has the columns of the catalogue, of which only track_id is needed; artists, genres and audio are what tells
    a track's place. The bundle stays as it is: a new one appears beside it and names it as its parent.

    \b
    Example:
      crossfade index add friday.csv --workspace workspace --promote
      crossfade index add friday.parquet --bundle bundles/3f9ac41be02d7781
    """
    if (bundle_dir is None) == (workspace_dir is None):
        raise click.UsageError("Name either --bundle DIR or --workspace DIR.")
    if promote and workspace_dir is None:
        raise click.UsageError("--promote needs --workspace DIR, whose champion the new bundle becomes.")
    from crossfade.recommender.index_add import add_tracks
    from crossfade.recommender.workspace import Workspace
    from crossfade.sources.strict import read_tracks

    workspace = None if workspace_dir is None else Workspace.open(workspace_dir)
    old = bundle_dir if workspace is None else workspace.champion()
    assert old is not None
    added = add_tracks(old, read_tracks(tracks_file), old.parent, audio_folder=audio_dir)
    if promote and workspace is not None:
        _promote(workspace, added, old.name)
    _show(added, promoted=promote, as_json=as_json)


def _promote(workspace: "Workspace", added: "Added", reigning: str) -> None:
    count = sum(added.paths.values())
    workspace.promote(
        added.bundle.name,
        reason=f"{count} new tracks were added to {reigning} by index add; nothing was trained.",
        run_id=f"index-add-{added.bundle.name}",
        evaluation={},
        reigning=reigning,
    )


def _show(added: "Added", *, promoted: bool, as_json: bool) -> None:
    count = sum(added.paths.values())
    if as_json:
        told = {"bundle": added.bundle.name, "added": count, "by_path": added.paths, "promoted": promoted}
        click.echo(json.dumps({**told, "released_later": added.num_later}))
        return
    by_path = ", ".join(f"{number} by {path.replace('_', ' ')}" for path, number in added.paths.items())
    click.echo(f"Added {count} tracks ({by_path}): {added.bundle}" + (", now champion" if promoted else ""))
    if added.num_later:
        click.echo(
            f"{added.num_later} come out after the bundle's last day: requests get them from that day on (time).",
            err=True,
        )
