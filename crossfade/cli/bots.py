"""`crossfade lake bots`: who is marked as a bot, why, and people's own decisions."""

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("bots", short_help="Show who is marked as a bot and why; overrule it.")
@click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Directory of the lake."
)
@click.option("--allow", multiple=True, metavar="USER", help="Never mark this account, whatever it does.")
@click.option("--deny", multiple=True, metavar="USER", help="Mark all of this account.")
@click.option("--forget", multiple=True, metavar="USER", help="Take it from both lists: the rules decide.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def bots_command(
    lake_path: Path,
    *,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    forget: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the accounts that the last refresh marked, with the evidence of each rule; or decide on accounts yourself.

    What is marked stays in the lake and is not learnt from. Decisions are kept in the lake and count from the next refresh on.

    \b
    Example:
      crossfade lake bots --lake lake
      crossfade lake bots --lake lake --allow user-0007 --deny user-0400
      crossfade lake refresh --lake lake
    """
    from crossfade.lake.lake import Lake
    from crossfade.quality.bots import put_on_list, require_one_list, suspects

    lake = Lake.open(lake_path)
    decisions = {"allow": allow, "deny": deny, "forget": forget}
    if any(decisions.values()):
        require_one_list(decisions)
        for name, users in decisions.items():
            if users:
                put_on_list(lake, users, name)
                click.echo(f"{name}: {', '.join(users)}; counts from the next refresh on", err=as_json)
        return
    found = suspects(lake)
    if not found and not as_json:
        click.echo("No account is marked.")
    for suspect in found:
        if as_json:
            click.echo(json.dumps(asdict(suspect)))
            continue
        what = "whole account" if suspect.is_whole else "some hours"
        click.echo(f"{suspect.user_id}  {what if suspect.is_flagged else 'allowed'}")
        for evidence in suspect.evidence:
            click.echo(f"  {evidence}")
