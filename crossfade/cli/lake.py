"""`crossfade lake`: look after a lake."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from crossfade.cli.bots import bots_command
from crossfade.cli.options import chosen_settings, settings_options

LAKE = click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Directory of the lake."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group("lake")
def lake_group() -> None:
    """Look after a lake: bring it up to date, see what was imported, refused and marked."""


lake_group.add_command(bots_command)


@lake_group.command("refresh")
@LAKE
@settings_options
def refresh_command(lake_path: Path, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Rebuild what has changed from what was imported: clean events, catalogue, statistics.

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


@lake_group.command("history")
@LAKE
@JSON
def history_command(lake_path: Path, *, as_json: bool) -> None:
    """List every table's versions, newest first: when each was written and with how many rows.

    \b
    Example:
      crossfade lake history --lake lake
    """
    from crossfade.lake.lake import Lake

    lake = Lake.open(lake_path)
    for table in lake.versions():
        for commit in lake.history(*table.split("/")):
            about = _commit(table, commit)
            text = "{table}  version {version}  {written_at}  {operation}  {rows_added:,} rows".format(
                **about
            )
            click.echo(json.dumps(about) if as_json else text)


def _commit(table: str, commit: dict[str, Any]) -> dict[str, Any]:
    written_at = datetime.fromtimestamp(commit["timestamp"] / 1000, UTC).isoformat(timespec="seconds")
    rows_added = commit.get("operationMetrics", {}).get("num_added_rows", 0)
    mode = commit.get("operationParameters", {}).get("mode", commit["operation"])
    return {
        "table": table,
        "version": commit["version"],
        "written_at": written_at,
        "operation": str(mode).lower(),
        "rows_added": rows_added,
    }


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
