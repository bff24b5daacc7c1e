"""`crossfade lake`: look after a lake."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from crossfade.cli.bots import bots_command
from crossfade.cli.options import chosen_settings, settings_options

LAKE = click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Directory of the lake."
)
WORKSPACES = click.option(
    "--workspace",
    "workspaces",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A workspace that learns from the lake; may be repeated.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group("lake")
def lake_group() -> None:
    """Look after a lake: bring it up to date, keep it small, see what was imported, refused and marked."""


lake_group.add_command(bots_command)


@lake_group.command("refresh")
@LAKE
@settings_options
def refresh_command(lake_path: Path, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Bring what is made from imports up to date: clean events, catalogue, statistics.

    New events re-open the days that they touch; other settings, or another version of Crossfade, rebuild everything.

    Pipelines do this by themselves. A second call without new imports writes nothing.

    \b
    Example:
      crossfade lake refresh --lake lake
    """
    from crossfade.lake.build import refresh
    from crossfade.lake.lake import Lake

    settings = chosen_settings(settings_file, assignments)
    report = refresh(Lake.open(lake_path), settings, lambda table: click.echo(f"building {table}", err=True))
    for counts in report.tables:
        click.echo(str(counts))
    click.echo(
        f"written: {', '.join(report.written)}"
        if report.written
        else "nothing to do: all tables are up to date"
    )


@lake_group.command("rotate-key")
@LAKE
@settings_options
def rotate_key_command(lake_path: Path, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Name users by a new key from silver on, and remove what stands under the old names from the lake.

    Bundles and playlists stay under the old names, and the old key stays to read them, until the next training and weekly run.
    Where the environment holds the keys, put a new one in front of them there and refresh.

    \b
    Example:
      crossfade lake rotate-key --lake lake
    """
    from crossfade.lake.lake import Lake
    from crossfade.lake.rotation import rotate_key

    keys = rotate_key(Lake.open(lake_path), chosen_settings(settings_file, assignments))
    click.echo(f"{keys.place}: users are named by key {keys.current.id}; {len(keys.keys) - 1} older kept")


@lake_group.command("compact")
@LAKE
@WORKSPACES
@settings_options
def compact_command(
    lake_path: Path, workspaces: tuple[Path, ...], settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Remove events past their age, merge small files, and remove files that no version in use needs.

    Ages and sizes are the settings upkeep.*. Name every workspace that learns from the lake: versions that its bundles and runs
    have pinned stay readable. Events are only removed if upkeep.bronze_days or upkeep.exposure_days says so.

    \b
    Example:
      crossfade lake compact --lake lake --workspace workspace
      crossfade lake compact --lake lake --workspace workspace --set upkeep.exposure_days=90
    """
    from crossfade.lake.lake import Lake
    from crossfade.lake.upkeep import compact

    lake = Lake.open(lake_path)
    settings = chosen_settings(settings_file, assignments)
    for done in compact(lake, settings.upkeep, _pinned(workspaces, lake.id)):
        click.echo(str(done))


@lake_group.command("history")
@LAKE
@WORKSPACES
@JSON
def history_command(lake_path: Path, *, workspaces: tuple[Path, ...], as_json: bool) -> None:
    """List every table's versions, newest first: when and how each was written, with how many rows, from what, and who pins it.

    \b
    Example:
      crossfade lake history --lake lake --workspace workspace
    """
    from crossfade.lake.history import versions
    from crossfade.lake.lake import Lake

    lake = Lake.open(lake_path)
    for version in versions(lake, _pinned(workspaces, lake.id)):
        click.echo(json.dumps(asdict(version)) if as_json else str(version))


def _pinned(workspaces: tuple[Path, ...], lake_id: str) -> dict[str, dict[int, list[str]]]:
    """Return who pins which version of which table, over all workspaces."""
    from crossfade.recommender.pins import pinned_by
    from crossfade.recommender.workspace import Workspace

    merged: dict[str, dict[int, list[str]]] = {}
    for path in workspaces:
        for table, versions in pinned_by(Workspace.open(path), lake_id).items():
            for version, names in versions.items():
                merged.setdefault(table, {}).setdefault(version, []).extend(names)
    return merged


@lake_group.command("quarantine")
@LAKE
@click.option(
    "--rows", default=3, show_default=True, type=click.IntRange(0), help="Rows shown of each reason."
)
@JSON
def quarantine_command(lake_path: Path, *, rows: int, as_json: bool) -> None:
    """List why rows were refused, how many, and the first of each reason as they stood in their file.

    \b
    Example:
      crossfade lake quarantine --lake lake --rows 10
    """
    from crossfade.lake.lake import Lake
    from crossfade.lake.quarantine import refused_rows

    reasons = refused_rows(Lake.open(lake_path), rows)
    if not reasons and not as_json:
        click.echo("No row was refused.")
    for reason in reasons:
        if as_json:
            click.echo(json.dumps(reason._asdict()))
            continue
        click.echo(f"{reason.table}: {reason.reason} ({reason.num_rows:,} rows)")
        for row in reason.first_rows:
            click.echo(f"  {row['source_file']}, row {row['source_row']}: {row['raw']}")
