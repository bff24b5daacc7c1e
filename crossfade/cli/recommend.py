"""`crossfade recommend`: slates for users or requests, as tables or as JSON lines."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.bundles import bundle_options, open_recommender

if TYPE_CHECKING:
    from crossfade.recommender.answers import Answer
    from crossfade.recommender.asking import Ask
    from crossfade.recommender.feature_log import FeatureLog
    from crossfade.recommender.recommend import Recommender

NAMED = 5


@click.command("recommend", short_help="Recommend tracks to users.")
@click.argument("users", nargs=-1, metavar="[USER]...")
@bundle_options
@click.option("--surface", "surface_name", help="discover_weekly, radio, release_radar or home.")
@click.option("--users", "users_file", type=click.Path(path_type=Path), help="File of user ids, one a line.")
@click.option(
    "--requests",
    "requests_file",
    type=click.Path(path_type=Path),
    help="File of requests, one JSON object a line.",
)
@click.option("--k", type=click.IntRange(min=1), help="Tracks in a slate; else the surface's policy says.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--feature-log",
    type=click.Path(path_type=Path),
    help="Append each request with the features of the tracks that it is shown; see crossfade features replay.",
)
@click.option(
    "--latest-features",
    is_flag=True,
    help="Read the workspace's online features instead of the bundle's counts.",
)
def recommend_command(
    users: tuple[str, ...],
    bundle_dir: Path | None,
    workspace_dir: Path | None,
    *,
    surface_name: str | None,
    users_file: Path | None,
    requests_file: Path | None,
    k: int | None,
    as_json: bool,
    feature_log: Path | None,
    latest_features: bool,
) -> None:
    """Recommend tracks to each USER, to the users of a file, or to the requests of a file.

    A request holds request_id, surface (else --surface counts) and any of user_id, session (track ids or objects
    with track_id and played_share, oldest first), seed_track, country, time, device, shuffle, context, exclude,
    artists and genres. The last two are what a new listener picks when signing up: artists by id or name, genres by
    name. A user that the bundle does not know is answered by the session and the picks, else by popularity.

    \b
    Example:
      crossfade recommend u1042 u7 --workspace workspace --surface discover_weekly
      crossfade recommend --users ids.txt --workspace workspace --surface home --k 10 --json
      crossfade recommend --requests requests.jsonl --bundle bundles/3f9ac41be02d7781 --json
    """
    if sum(map(bool, (users, users_file, requests_file))) != 1:
        raise click.UsageError("Name users, or one of --users FILE and --requests FILE.")
    from crossfade.recommender import asking
    from crossfade.recommender.feature_log import FeatureLog
    from crossfade.recommender.surfaces import surface_of

    surface = surface_of(surface_name) if surface_name else None
    if requests_file:
        asks = asking.read_asks(requests_file, surface)
    elif surface is None:
        raise click.UsageError("Name the --surface, for example --surface discover_weekly.")
    else:
        asks = asking.asks_of_users(asking.read_users(users_file) if users_file else users, surface)
    recommender = open_recommender(bundle_dir, workspace_dir)
    if latest_features:
        recommender = _with_latest(recommender, workspace_dir)
    log = None if feature_log is None else FeatureLog(feature_log)
    for answers in _noting_unknown(asks, recommender, k, log):
        if as_json:
            click.echo("\n".join(json.dumps(answer.as_json(), ensure_ascii=False) for answer in answers))
        else:
            _show(answers)


def _with_latest(recommender: "Recommender", workspace_dir: Path | None) -> "Recommender":
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.embedded import EmbeddedStore
    from crossfade.store.features import FeatureStore
    from crossfade.store.latest import with_latest

    if workspace_dir is None:
        raise click.UsageError("--latest-features needs --workspace DIR, which has them.")
    return with_latest(recommender, FeatureStore(EmbeddedStore(Workspace.open(workspace_dir).store)).reader())


def _noting_unknown(
    asks: Sequence["Ask"], recommender: "Recommender", k: int | None, log: "FeatureLog | None"
) -> Iterator[Sequence["Answer"]]:
    """Yield answers batch by batch, with progress, and say on stderr what the bundle does not know."""
    from rich.console import Console
    from rich.progress import Progress

    from crossfade.recommender.answers import answer

    strangers: list[str] = []
    picks: dict[str, None] = {}
    num_tracks = 0
    console = Console(stderr=True)
    step = recommender.settings.weekly.batch_users
    shown = console.is_terminal and len(asks) > step
    with Progress(console=console, transient=True, disable=not shown) as progress:
        for start in progress.track(range(0, len(asks), step), description="recommending"):
            answers, unknown = answer(recommender, asks[start : start + step], k, log=log)
            yield answers
            strangers += unknown.users
            num_tracks += unknown.num_tracks
            picks |= dict.fromkeys(unknown.picks)
    if strangers:
        told = f"{_first(strangers)} ({len(strangers)})"
        click.echo(f"Not in the bundle, answered without a history: {told}.", err=True)
    if picks:
        told = f"{_first(list(picks))} ({len(picks)})"
        click.echo(f"Unknown artists and genres were left out: {told}.", err=True)
    if num_tracks:
        click.echo(f"Unknown track ids in sessions and exclusions were left out: {num_tracks}.", err=True)


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")


def _show(answers: Sequence["Answer"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for answer in answers:
        name = answer.request_id or answer.user_id
        if not answer.tracks:
            click.echo(f"No track is left to recommend to {name}.")
            continue
        table = Table("", "Track", "Artist", "Score", "Reason", title=name, caption=f"bundle {answer.bundle}")
        for place, track in enumerate(answer.tracks, start=1):
            cells = (str(place), track.title, track.artist, f"{track.score:.3f}", track.reason)
            table.add_row(*map(Text, cells))
        console.print(table)
