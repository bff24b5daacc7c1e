"""`crossfade twin`: simulate a catalogue and its listeners."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from crossfade.cli.twin_stream import stream


@click.group()
def twin_group() -> None:
    """Simulate a catalogue and its listeners, whose true tastes are known."""


@twin_group.command("generate")
@click.option("--users", type=int, default=2_000, show_default=True, help="Listeners.")
@click.option("--tracks", type=int, default=6_000, show_default=True, help="Tracks in the catalogue.")
@click.option("--artists", type=int, default=None, help="Artists.  [default: one for every 12 tracks]")
@click.option("--days", type=int, default=70, show_default=True, help="Days of listening.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-06-02", show_default=True, help="First day."
)
@click.option(
    "--seed", type=int, default=42, show_default=True, help="Equal seeds and sizes give equal files."
)
@click.option(
    "--farm-share",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of the listens that a farm makes for one artist.",
)
@click.option(
    "--superfan-share",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of listeners who play one artist for hours.",
)
@click.option(
    "--hijacked-share",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of listeners whose account somebody else uses, too.",
)
@click.option(
    "--traveller-share",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of listeners who are abroad for some days.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@click.option("--describe", is_flag=True, help="Print how listening is spread, repeated and skipped, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def generate(
    users: int,
    tracks: int,
    artists: int | None,
    days: int,
    start: datetime,
    *,
    seed: int,
    output: Path,
    describe: bool,
    as_json: bool,
    **planted: Any,
) -> None:
    """Write events, tracks, artists, playlists and users as Parquet, and the truth beside them.

    \b
    Example:
      crossfade twin generate --users 1000 --tracks 5000 --days 56 -o twin
      crossfade import catalogue twin/tracks.parquet --lake lake
      crossfade import events twin/events.parquet --lake lake
    """
    from crossfade.twin.portrait import portrait
    from crossfade.twin.spec import TwinSpec
    from crossfade.twin.twin import simulate

    twin = simulate(TwinSpec(users, tracks, days, seed, artists, start.date(), **planted))
    rows = {str(path): getattr(twin, path.stem).num_rows for path in twin.write(output)}
    figures = portrait(twin) if describe else {}
    truth = output / "truth"
    if as_json:
        click.echo(json.dumps({"rows": rows, "truth": str(truth), "figures": figures}))
        return
    for path, count in rows.items():
        click.echo(f"{count:>12,} rows  {path}")
    click.echo(f"{'truth':>12}       {truth}")
    for name, value in figures.items():
        values = value if isinstance(value, list) else [value]
        click.echo(f"{name:<40} {' '.join(f'{one:,.3f}'.removesuffix('.000') for one in values)}")


twin_group.add_command(stream)
