"""`crossfade import`: files into a lake."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.options import chosen_settings, settings_options

if TYPE_CHECKING:
    from crossfade.sources.importing import ImportReport

REFUSED = 2  # exit code where more rows were refused than allowed


@click.command("import", short_help="Import files into a lake.")
@click.argument("source")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--lake",
    "lake_path",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the lake; made if missing.",
)
@click.option(
    "--max-quarantined",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the rows that may be refused without this command failing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def import_command(
    source: str,
    paths: tuple[Path, ...],
    lake_path: Path,
    *,
    max_quarantined: float,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Import files into a lake.

    SOURCE is events, catalogue, artists, playlists or users (Parquet, CSV or JSON Lines in the canonical schema, told by
    their ending), or a public format: lastfm-1k, listenbrainz or mpd. PATHS are files, or directories of files. Rows that
    cannot be used go to quarantine with their reason; all others land. Importing a file again changes nothing.

    \b
    Example:
      crossfade import events listens.parquet --lake lake
      crossfade import catalogue tracks.csv.gz --lake lake
      crossfade import lastfm-1k userid-timestamp-artid-artname-traid-traname.tsv --lake lake --max-quarantined 0.001
    """
    from crossfade.lake.lake import Lake
    from crossfade.sources.importing import import_files
    from crossfade.sources.registry import source_named

    settings = chosen_settings(settings_file, assignments)
    source_named(source)  # before a lake is made for nothing
    with _progress() as progress:
        report = import_files(Lake.create(lake_path), source, paths, settings=settings, progress=progress)
    click.echo(json.dumps(asdict(report), indent=2) if as_json else _text(report))
    if report.quarantined_share > max_quarantined:
        click.echo(_refusal(report, max_quarantined, lake_path), err=True)
        raise click.exceptions.Exit(REFUSED)


def _text(report: "ImportReport") -> str:
    return "\n".join([*map(str, report.tables), *report.notes])


def _refusal(report: "ImportReport", allowed: float, lake_path: Path) -> str:
    lines = [str(problem) for problem in report.first_problems]
    lines.append(
        f"error: {report.rows_quarantined:,} of {report.rows_in:,} rows were refused ({report.quarantined_share:.2%}, "
        f"allowed are {allowed:.2%}); the others were imported. Mend those rows and import the file again, or accept them with "
        f"--max-quarantined. All of them: crossfade lake quarantine --lake {lake_path}"
    )
    return "\n".join(lines)


@contextmanager
def _progress() -> Iterator[Callable[[Path, int], None]]:
    """Show the file and the rows read so far, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading")
        yield lambda file, num_rows: progress.update(task, description=f"{file.name}: {num_rows:,} rows read")
