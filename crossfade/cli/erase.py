"""`crossfade erase` and `crossfade export`: what a person may ask of a service that knows them."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.options import chosen_settings, settings_options

if TYPE_CHECKING:
    from crossfade.privacy.receipt import Receipt

LAKE = click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Directory of the lake."
)
WORKSPACE = click.option(
    "--workspace", "workspace_dir", type=click.Path(path_type=Path), help="Trained from the lake."
)

STORES = click.option(
    "--store",
    "urls",
    multiple=True,
    help="redis://HOST:PORT/DB with playlists or features, or cassandra://HOST:PORT/KEYSPACE with playlists, besides "
    "weekly.store_url; repeatable.",
)
LOGS = click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Log outside of the workspace: of exposures or features; repeatable.",
)


@click.command("erase", short_help="Erase a person everywhere, with a signed receipt.")
@click.argument("user", required=False)
@LAKE
@WORKSPACE
@STORES
@LOGS
@click.option(
    "--receipts",
    "receipts_dir",
    type=click.Path(path_type=Path),
    help="Directory of receipts; else WORKSPACE/erasures, or without a workspace beside the lake.",
)
@click.option(
    "--verify", "receipt_file", type=click.Path(path_type=Path), help="Check a receipt, and show it."
)
@settings_options
def erase_command(
    user: str | None,
    lake_path: Path,
    workspace_dir: Path | None,
    *,
    urls: tuple[str, ...],
    logs: tuple[Path, ...],
    receipts_dir: Path | None,
    receipt_file: Path | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Remove USER from every place of lake and workspace, and write a signed receipt.

    That is every table with its earlier versions and its log; bundles, playlists and online features (in Redis and Cassandra,
    too), run artifacts, reports and logs. The receipt lists each with what was removed, and the bundles whose models have
    learnt from USER, until the next training. If it is stopped, the same command goes on. Files that were imported stay where
    they are: take USER out of them, too.

    \b
    Example:
      crossfade erase alice --lake lake --workspace workspace
      crossfade erase alice --lake lake --workspace workspace --store redis://localhost:6379/0 --log shown.jsonl
      crossfade erase --verify workspace/erasures/3f9ac41be02d7781-20261127T120000.json --lake lake
    """
    if (user is None) == (receipt_file is None):
        raise click.UsageError("Name either a USER or --verify RECEIPT.")
    from crossfade.lake.lake import Lake

    lake = Lake.open(lake_path)
    if user is None:
        assert receipt_file is not None
        receipt = _verified(lake.path, receipt_file)
        click.echo("\n".join([*_removed(receipt), *_left(receipt)]))
        return
    settings = chosen_settings(settings_file, assignments)
    from crossfade.cli.run_lock import held_lock
    from crossfade.privacy.erase import erase
    from crossfade.privacy.places import Places, receipts_of
    from crossfade.recommender.workspace import Workspace

    workspace = Workspace.open(workspace_dir) if workspace_dir else None
    home = receipts_of(lake, workspace)
    with ExitStack() as stack:
        if workspace:
            stack.enter_context(held_lock(workspace.runs / "lock", "erase"))
        places = Places(lake, workspace, receipts_dir or home, urls, logs)
        path = erase(places, user, settings, lambda line: click.echo(line, err=True))
    for line in (*_left(_verified(lake.path, path)), f"receipt: {path}"):
        click.echo(line)


def _verified(lake: Path, receipt_file: Path) -> "Receipt":
    from crossfade.privacy.receipt import Receipt
    from crossfade.schema.errors import NotFoundError
    from crossfade.schema.user_keys import key_file, lake_keys

    keys = lake_keys(lake)
    if keys is None:
        raise NotFoundError(f"The key that signs receipts of this lake is not here: {key_file(lake)}.")
    return Receipt.verified(receipt_file, keys)


def _removed(receipt: "Receipt") -> list[str]:
    lines = [f"signed by key {receipt.key}; erased from {receipt.started} to {receipt.finished}"]
    return [*lines, *(f"{place.place}: {place.removed:,} {place.what}" for place in receipt.places)]


def _left(receipt: "Receipt") -> list[str]:
    lines = [f"learnt from until the next training: bundle {model}" for model in receipt.models]
    return [*lines, *(f"still holds the name: {file}" for file in receipt.remaining)]


@click.command("export", short_help="Give a person all that is known about them.")
@click.argument("user")
@LAKE
@WORKSPACE
@STORES
@LOGS
@settings_options
def export_command(
    user: str,
    lake_path: Path,
    workspace_dir: Path | None,
    *,
    urls: tuple[str, ...],
    logs: tuple[Path, ...],
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Print all that is known about USER as one JSON object.

    It holds their rows of every table, their playlists and online features of every generation that is kept, lines of logs
    that name them (what they were shown, for example), and the bundles that hold their history.

    \b
    Example:
      crossfade export alice --lake lake --workspace workspace > alice.json
      crossfade export alice --lake lake --workspace workspace --store redis://localhost:6379/0
    """
    from crossfade.lake.lake import Lake
    from crossfade.privacy.export import export
    from crossfade.privacy.places import Places, receipts_of
    from crossfade.recommender.workspace import Workspace

    lake, workspace = Lake.open(lake_path), Workspace.open(workspace_dir) if workspace_dir else None
    places = Places(lake, workspace, receipts_of(lake, workspace), urls, logs)
    known = export(places, user, chosen_settings(settings_file, assignments).weekly)
    click.echo(json.dumps(known, indent=2, ensure_ascii=False))
