"""`crossfade home`: what listeners open on Home, and in which order its modules are therefore shown."""

import json
import time
from pathlib import Path

import click


@click.group()
def home_group() -> None:
    """Learn how Home's modules are best ordered."""


@home_group.command("learn")
@click.option(
    "--workspace", "workspace_dir", type=click.Path(path_type=Path), required=True, help="Has the log."
)
@click.option(
    "--home", "home_file", type=click.Path(path_type=Path), help="YAML file of modules; else the default."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def learn_command(workspace_dir: Path, *, home_file: Path | None, as_json: bool) -> None:
    """Learn from what the gateway showed and saw opened; running gateways take it up by themselves.

    All of the log is read each time, older screens counting less, so that this may run as often as one likes.

    \b
    Example:
      crossfade home learn --workspace workspace
    """
    from crossfade.experiments.home import arms_as_json, load_home
    from crossfade.experiments.home_log import learnt_from
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.durable import replace_file

    workspace, now = Workspace.open(workspace_dir), int(time.time())
    arms, num_shown, refused = learnt_from(workspace.home_log, load_home(home_file), now)
    replace_file(workspace.home_arms, json.dumps(arms_as_json(arms, now)).encode())
    if as_json:
        click.echo(json.dumps({"shown": num_shown, "refused": refused, "arms": str(workspace.home_arms)}))
        return
    click.echo(f"Learnt from {num_shown:,} shown modules: {workspace.home_arms}")
    if refused:
        click.echo(f"{refused:,} lines of {workspace.home_log} make no sense and were passed over.")
