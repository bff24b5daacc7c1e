"""`crossfade features`: what features there are, written to the stores, handed to Feast, and replayed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crossfade.store.features import FeatureStore

LAKE = click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Directory of the lake."
)
WORKSPACE = click.option(
    "--workspace",
    "workspace_dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Has bundles and store.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group("features")
def features_group() -> None:
    """Look after features: see their definitions, write them, hand them to Feast, replay requests."""


@features_group.command("list")
@JSON
def list_command(*, as_json: bool) -> None:
    """List every feature as it is defined.

    \b
    Example:
      crossfade features list
      crossfade features list --json
    """
    from crossfade.features.ranking_definitions import FEATURES

    if as_json:
        for each in FEATURES:
            click.echo(json.dumps(each.as_json()))
        return
    told = [("feature", "entity", "type", "window", "age", "owner", "what it says")]
    for each in FEATURES:
        age = f"{each.freshness_hours} h" if each.is_stored else "request"
        told.append((each.name, each.entity.name, each.kind, each.window, age, each.owner, each.description))
    for name, entity, kind, window, age, owner, description in told:
        click.echo(f"{name:<28}{entity:<14}{kind:<9}{window:<16}{age:<8}{owner:<10}{description}")


@features_group.command("materialise")
@LAKE
@WORKSPACE
@click.option("--store", "url", help="redis://HOST:PORT/DB; without it the workspace's own store.")
@click.option(
    "--as-of", help="Moment (ISO 8601, UTC without a zone); without it the end of the newest event."
)
@JSON
def materialise_command(
    lake_path: Path, workspace_dir: Path, *, url: str | None, as_of: str | None, as_json: bool
) -> None:
    """Count the stored features, add them to gold, and switch the online store to them.

    They are counted as the champion was trained. A moment before that of the online features is a back-fill: it is
    added to gold only. A second call on the same lake writes nothing.

    \b
    Example:
      crossfade features materialise --lake lake --workspace workspace
      crossfade features materialise --lake lake --workspace workspace --store redis://localhost:6379/0
    """
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.materialise import materialise, trained_with

    moment, store = None if as_of is None else _seconds(as_of), _store(workspace_dir, url)
    settings, split = trained_with(Workspace.create(workspace_dir))
    written = materialise(Lake.open(lake_path), settings, store, split=split, as_of=moment)
    told = datetime.fromtimestamp(written.as_of, UTC).isoformat()
    if as_json:
        about = {"generation": written.generation, "as_of": told, "live": written.is_live}
        click.echo(json.dumps(about | {"rows": dict(written.num_rows), "removed": written.removed}))
        return
    state = "live" if written.is_live else "in gold only, since the online features are newer"
    click.echo(f"generation {written.generation} as of {told}: {state}")
    for name, count in written.num_rows.items():
        click.echo(f"  {name}: {count:,}")


@features_group.command("feast")
@LAKE
@click.option("-o", "directory", type=click.Path(path_type=Path), required=True, help="Gets the repository.")
@click.option(
    "--redis", help="Feast's connection string, HOST:PORT, for its online store; without it SQLite."
)
def feast_command(lake_path: Path, directory: Path, *, redis: str | None) -> None:
    """Write a Feast repository over the stored features in gold: entities, sources, views, README.

    \b
    Example:
      crossfade features materialise --lake lake --workspace workspace
      crossfade features feast --lake lake -o feast
    """
    from crossfade.features.feast_repo import write_feast_repo
    from crossfade.lake.lake import Lake

    for path in write_feast_repo(Lake.open(lake_path), directory, redis):
        click.echo(f"{path}")


@features_group.command("replay")
@click.argument("log", type=click.Path(path_type=Path))
@LAKE
@WORKSPACE
@click.option("--rows", default=20, show_default=True, type=click.IntRange(0), help="Differences shown.")
@JSON
@click.pass_context
def replay_command(
    ctx: click.Context, /, log: Path, *, lake_path: Path, workspace_dir: Path, rows: int, as_json: bool
) -> None:
    """Answer the requests of a LOG again from the lake, and list the features that come out differently.

    LOG is what `crossfade recommend --feature-log` wrote. The workspace has the bundles that answered. The exit code is 1
    when any feature differs: a shifted time zone, an event that came late, a row that was not renewed.

    \b
    Example:
      crossfade recommend --requests requests.jsonl --workspace workspace --feature-log log.jsonl
      crossfade features replay log.jsonl --lake lake --workspace workspace
    """
    from crossfade.lake.lake import Lake
    from crossfade.recommender.replay import replay_log
    from crossfade.recommender.workspace import Workspace

    found = replay_log(log, Lake.open(lake_path), Workspace.open(workspace_dir))
    shown = found.differences[:rows]
    if as_json:
        counts = {
            "requests": found.num_requests,
            "values": found.num_values,
            "different": len(found.differences),
        }
        click.echo(json.dumps(counts | {"differences": [each.as_json() for each in shown]}))
    else:
        click.echo(
            f"{found.num_requests:,} requests, {found.num_values:,} features, {len(found.differences):,} different"
        )
        for each in shown:
            click.echo(
                f"  {each.request}  {each.track_id}  {each.feature}: {each.logged:g}, recomputed {each.recomputed:g}"
            )
    ctx.exit(1 if found.differences else 0)


def _seconds(moment: str) -> int:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise click.UsageError(
            f"--as-of must be a moment such as 2026-01-31T00:00, got {moment!r}."
        ) from error
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def _store(workspace_dir: Path, url: str | None) -> "FeatureStore":
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.features import FeatureStore

    if url is None:
        from crossfade.store.embedded import EmbeddedStore

        return FeatureStore(EmbeddedStore(Workspace(workspace_dir).store))
    if not url.startswith(("redis://", "rediss://")):
        raise click.UsageError(f"--store must be redis://HOST:PORT/DB, got {url!r}.")
    from crossfade.store.redis_rows import connected

    return FeatureStore(connected(url))
