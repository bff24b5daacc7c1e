"""`crossfade drift`: has listening moved since the champion learnt?"""

import json
from datetime import datetime
from pathlib import Path

import click

from crossfade.cli.options import chosen_settings, settings_options


@click.command("drift", short_help="Find out whether listening has moved since the champion learnt.")
@click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Lake that it learnt from."
)
@click.option(
    "--workspace", "workspace_path", type=click.Path(path_type=Path), required=True, help="Has the champion."
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day that is not looked at.  [default: all whole days]",
)
@click.option(
    "--listening-only",
    is_flag=True,
    help="Leave out vectors, features, scores and NDCG of the champion, which cost most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def drift_command(
    *,
    lake_path: Path,
    workspace_path: Path,
    until: datetime | None,
    listening_only: bool,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Hold the days since the champion's training window against that window, and say what moved, for whom, since when.

    A page with pictures and the figures are left in WORKSPACE/drift. The lake must be refreshed.

    \b
    Example:
      crossfade drift --lake lake --workspace workspace
      crossfade drift --lake lake --workspace workspace --json --set drift.false_alarms_per_month=0.5
    """
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace
    from monitoring.drift.report import lines
    from monitoring.drift.stage import find_drift

    settings = chosen_settings(settings_file, assignments)
    workspace = Workspace.open(workspace_path)
    day = until.date() if until else None
    drift = find_drift(Lake.open(lake_path), workspace, settings, until=day, with_champion=not listening_only)
    if as_json:
        click.echo(json.dumps(drift.as_json()))
        return
    for line in lines(drift):
        click.echo(line)
    click.echo(f"report: {workspace.drift_page}")
