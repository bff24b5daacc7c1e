"""`crossfade experiment step`: do what a decision says, whole or again."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.options import chosen_settings, settings_options
from crossfade.schema.settings import Settings

if TYPE_CHECKING:
    from crossfade.experiments.spec import Experiment
    from crossfade.experiments.stepping import Decide


@click.command("step")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--rollout",
    "directory",
    type=click.Path(path_type=Path),
    help="Directory of objects and history, for example of a Git repository; by default in the workspace.",
)
@click.option(
    "--workspace", "workspace_dir", type=click.Path(path_type=Path), required=True, help="Has the champion."
)
@click.option("--lake", "lake_path", type=click.Path(path_type=Path), help="Decide by this refreshed lake.")
@click.option("--guardrails-only", is_flag=True, help="Look at the alarms alone; they only roll back.")
@click.option("--prometheus", "prometheus_url", metavar="URL", help="Where the alarms are looked at.")
@click.option("--roll-back", "reason", metavar="REASON", help="Roll back now, and write down why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def step_command(
    manifest: Path,
    directory: Path | None,
    workspace_dir: Path,
    *,
    lake_path: Path | None,
    guardrails_only: bool,
    prometheus_url: str | None,
    reason: str | None,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Begin an experiment, or decide about a running one and do what follows; finish first what a killed step left.

    \b
    Example:
      crossfade experiment step radio-flow.yaml --workspace workspace --rollout rollout --lake lake
      crossfade experiment step radio-flow.yaml --workspace workspace --guardrails-only --prometheus http://localhost:9090
    """
    from crossfade.experiments.deciding import by_log
    from crossfade.experiments.history import Phase
    from crossfade.experiments.installation import Installation
    from crossfade.experiments.spec import read_experiment
    from crossfade.experiments.stepping import Rollout
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace

    ways = {"--lake": lake_path, "--guardrails-only": guardrails_only, "--roll-back": reason}
    if len(chosen := [name for name, given in ways.items() if given]) != 1:
        raise click.UsageError(f"Choose one of {', '.join(ways)}; got {' and '.join(chosen) or 'none'}.")
    if guardrails_only and not prometheus_url:
        raise click.UsageError("--guardrails-only needs --prometheus URL.")
    experiment, settings = read_experiment(manifest), chosen_settings(settings_file, assignments)
    decide, now = _decide(experiment, settings, lake_path, prometheus_url, reason), datetime.now(UTC)
    workspace = Workspace.open(workspace_dir)
    rollout = Rollout(directory or workspace.rollout, Installation(workspace, settings))
    if lake_path is None:
        line = rollout.step(experiment, decide, now, may_begin=False)
    else:
        foresee = by_log(Lake.open(lake_path), rollout.installation, experiment, now)
        line = rollout.step(experiment, decide, now, foresee=foresee)
    if as_json:
        click.echo(json.dumps(asdict(line) if line else {"action": None}))
    elif line is None:
        click.echo(f"{experiment.metadata.name}: nothing to do")
    else:
        # A step that was just taken is told by the line that began it.
        ended = f"ended on {line.time[:10]}, " if line.phase is Phase.DONE else ""
        click.echo(f"{experiment.metadata.name}: {ended}{line.action}, step {line.step}")
        click.echo("\n".join(f"  {each}" for each in line.reasons))


def _decide(
    experiment: "Experiment",
    settings: Settings,
    lake_path: Path | None,
    prometheus_url: str | None,
    reason: str | None,
) -> "Decide":
    """Return who decides: a person, a lake, or else Prometheus."""
    from crossfade.experiments.alarms import Prometheus
    from crossfade.experiments.deciding import by_alarms, by_hand, by_lake
    from crossfade.lake.lake import Lake

    if reason:
        return by_hand(reason)
    if lake_path:
        return by_lake(Lake.open(lake_path), experiment, settings.lake)
    assert prometheus_url is not None, "checked by the command"
    return by_alarms(Prometheus(prometheus_url), experiment)


@click.command("schema")
@click.option("--crd", is_flag=True, help="Print the CustomResourceDefinition for Kubernetes instead.")
def schema_command(*, crd: bool) -> None:
    """Print the JSON Schema of manifests, for editors and checks.

    \b
    Example:
      crossfade experiment schema --crd > manifests/crds/experiments.yaml
    """
    from crossfade.experiments.schema import custom_resource_definition, json_schema

    click.echo(custom_resource_definition().rstrip() if crd else json.dumps(json_schema(), indent=2))
