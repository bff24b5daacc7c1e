"""`crossfade champion`: which bundle serves, which did and why, a step back, and its digest in the manifests."""

import json
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import click

from crossfade.cli.options import chosen_settings, settings_options

WORKSPACE = click.option(
    "--workspace", "workspace_dir", type=click.Path(path_type=Path), required=True, help="Has the champion."
)


@click.group()
def champion_group() -> None:
    """See which bundle serves and which did, and go back."""


@champion_group.command("history")
@WORKSPACE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with all figures.")
def history_command(workspace_dir: Path, *, as_json: bool) -> None:
    """List every promotion, refusal and step back, oldest first; a star marks what made the champion.

    \b
    Example:
      crossfade champion history --workspace workspace
    """
    from crossfade.recommender.workspace import Workspace

    workspace = Workspace.open(workspace_dir)
    lines, champion = workspace.promotions.lines(), workspace.champion_digest()
    if not lines and not as_json:
        click.echo("Nothing was judged yet; run: crossfade run training")
    promoted = [n for n, line in enumerate(lines) if line.digest == champion and line.action != "refuse"]
    made = promoted[-1] if promoted else None
    for number, line in enumerate(lines):
        if as_json:
            click.echo(json.dumps(asdict(line) | {"champion": number == made}))
        else:
            mark = "*" if number == made else " "
            click.echo(f"{mark} {line.time}  {line.action:<8}  {line.digest}  {line.reason}")


@champion_group.command("rollback")
@WORKSPACE
@click.option(
    "--reason", default="Rolled back by hand.", show_default=True, help="Goes into the promotion log."
)
@settings_options
def rollback_command(
    workspace_dir: Path, *, reason: str, settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Make the champion before this one the champion again; doing it twice goes two champions back.

    Published playlists stay as they are: see crossfade store rollback.

    \b
    Example:
      crossfade champion rollback --workspace workspace --reason "Too many skips since Monday."
    """
    from crossfade.evaluation.outcomes import roll_back
    from crossfade.recommender.workspace import Workspace

    settings = chosen_settings(settings_file, assignments)
    restored = roll_back(
        Workspace.open(workspace_dir), f"rollback-{uuid4().hex[:8]}", reason=reason, settings=settings
    )
    click.echo(f"champion: {restored.previous} -> {restored.digest}")


@champion_group.command("pin")
@click.argument("overlay", type=click.Path(path_type=Path))
@WORKSPACE
def pin_command(overlay: Path, workspace_dir: Path) -> None:
    """Write the champion's digest into an OVERLAY of the manifests, whose recommenders then serve that bundle.

    Each byte of the bundle is verified first. The file is for Git: what is applied next rolls the recommenders. That an
    overlay was filled in at all is checked by crossfade doctor --overlay.

    \b
    Example:
      crossfade champion pin manifests/overlays/production --workspace workspace
    """
    from crossfade.experiments.pinning import pin
    from crossfade.recommender.manifest import verify
    from crossfade.recommender.workspace import Workspace

    bundle = Workspace.open(workspace_dir).champion()
    verify(bundle)
    click.echo(f"{overlay}: {pin(overlay, bundle.name)} -> {bundle.name}")
