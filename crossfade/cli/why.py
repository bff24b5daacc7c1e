"""`crossfade why`: why a track is recommended to a user, or why not."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.bundles import bundle_options, open_recommender

if TYPE_CHECKING:
    from crossfade.recommender.why import Why


@click.command("why", short_help="Explain why a track is recommended to a user.")
@click.argument("user")
@click.argument("track")
@bundle_options
@click.option("--surface", "surface_name", default="discover_weekly", show_default=True, help="Which slate.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why_command(
    user: str,
    track: str,
    bundle_dir: Path | None,
    workspace_dir: Path | None,
    *,
    surface_name: str,
    as_json: bool,
) -> None:
    """Show what the sources and the ranker make of TRACK for USER, its place, and the verified reason.

    A reason is verified by taking its evidence away: the track must fall.

    \b
    Example:
      crossfade why u1042 t77 --workspace workspace
      crossfade why u1042 t77 --bundle workspace/bundles/3f9ac41be02d7781 --surface home --json
    """
    from crossfade.recommender.surfaces import surface_of
    from crossfade.recommender.why import why

    surface = surface_of(surface_name)
    account = why(open_recommender(bundle_dir, workspace_dir), user, track, surface)
    click.echo(json.dumps(account.as_json(), ensure_ascii=False) if as_json else "\n".join(_lines(account)))


def _lines(account: "Why") -> list[str]:
    lines = [f"{account.track} for {account.user_id}, {account.surface}, bundle {account.bundle}", ""]
    if account.excluded:
        lines.append(f"Not shown: {', '.join(account.excluded)}.")
    elif account.ranked_place is None:
        lines.append(f"Not shown: no source brought it among the {account.num_candidates} candidates.")
    else:
        slate = f"place {account.slate_place} of the slate" if account.slate_place else "not in the slate"
        ranked = f"place {account.ranked_place} of {account.num_candidates} by score ({account.score:.3f})"
        lines += [f"It is {slate}, {ranked}.", f"Reason: {account.reason or 'none that is true enough'}", ""]
        lines += ["source           score   place", *_sources(account), ""]
        lines += ["feature                          value   adds to the score", *_contributions(account)]
    return lines


def _sources(account: "Why") -> list[str]:
    return [f"{say.source:<14}{_number(say.score):>8}{say.place or '-':>8}" for say in account.sources]


def _contributions(account: "Why") -> list[str]:
    return [
        f"{part.feature:<28}{_number(part.value):>10}{part.contribution:>+20.3f}"
        for part in account.contributions
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
