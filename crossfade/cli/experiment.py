"""`crossfade experiment`: plan an experiment, see where a running one stands, and take its next step."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crossfade.cli.experiment_step import schema_command, step_command
from crossfade.cli.experiment_watch import watch_command
from crossfade.cli.options import chosen_settings, settings_options
from crossfade.schema.errors import InputError

if TYPE_CHECKING:
    from crossfade.experiments.history import Standing

FILE = click.argument("manifest", type=click.Path(path_type=Path))
LAKE = click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), required=True, help="Directory of the lake."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
MOMENT: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group("experiment")
def experiment_group() -> None:
    """Plan experiments, see where they stand, and take their steps."""


experiment_group.add_command(step_command)
experiment_group.add_command(watch_command)
experiment_group.add_command(schema_command)


@experiment_group.command("plan")
@FILE
@LAKE
@click.option(
    "--days", type=click.IntRange(min=1), default=14, show_default=True, help="Past period to plan from."
)
@click.option(
    "--power",
    type=click.FloatRange(0.01, 0.999),
    default=0.8,
    show_default=True,
    help="Share of effects to be found.",
)
@JSON
@settings_options
def plan_command(
    manifest: Path,
    lake_path: Path,
    days: int,
    power: float,
    *,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Print the users, the days and the power of an experiment, from what users did in the past.

    \b
    Example:
      crossfade experiment plan radio-flow.yaml --lake lake
    """
    from dataclasses import asdict

    from crossfade.experiments.observed import population
    from crossfade.experiments.planning import plan
    from crossfade.experiments.spec import read_experiment
    from crossfade.lake.lake import Lake

    experiment, settings = read_experiment(manifest), chosen_settings(settings_file, assignments)
    past, end = population(Lake.open(lake_path), settings.lake, timedelta(days=days))
    found, spec = plan(experiment.spec, past, power), experiment.spec
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    effect = spec.primary.minimum_effect
    click.echo(
        f"{spec.primary.name}: {found.mean:,.4g} a user with a deviation of {found.deviation:,.4g} in the {days} days until "
        f"{end:%Y-%m-%d}, {found.users_a_period:,} users"
    )
    click.echo(
        f"to find {effect:+.2%} in {power:.0%} of cases: {found.users_needed:,} users of the smallest treatment, "
        + (f"{found.days} days" if found.days else f"more than the {days} days bring")
    )
    click.echo(
        f"{days} days find it in {found.power:.0%} of cases, and {found.detectable:+.2%} or more in {power:.0%}"
    )


@experiment_group.command("status")
@FILE
@LAKE
@click.option(
    "--step",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Running step of the ramp, from 1.",
)
@click.option("--began", type=MOMENT, help="When the experiment began, UTC; needed without --rollout.")
@click.option(
    "--step-began", type=MOMENT, help="When the running step began, UTC. Without it, with the experiment."
)
@click.option(
    "--rollout",
    "directory",
    type=click.Path(path_type=Path),
    help="Directory of the rollout, whose history tells step and times.",
)
@click.option("--report", type=click.Path(path_type=Path), help="HTML file to write, with pictures.")
@JSON
@settings_options
def status_command(
    manifest: Path,
    lake_path: Path,
    step: int,
    began: datetime | None,
    step_began: datetime | None,
    *,
    directory: Path | None,
    report: Path | None,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Print users, effects with always-valid intervals, and the decision, from the exposures in a lake.

    --json and --report also tell quantiles, cohorts, how effects wear off, the long term, and interleaved slates.

    Of an experiment that has ended (--rollout tells) it prints what decided, from the history; nothing is analysed again.

    \b
    Example:
      crossfade experiment status radio-flow.yaml --lake lake --step 2 --began 2026-11-02 --step-began 2026-11-03
      crossfade experiment status radio-flow.yaml --lake lake --rollout workspace/rollout --report radio-flow.html
    """
    from crossfade.experiments.history import Standing, history_of
    from crossfade.experiments.looking import Look
    from crossfade.experiments.report import write_report
    from crossfade.experiments.report_effects import ReportInputs
    from crossfade.experiments.spec import read_experiment
    from crossfade.experiments.status import text
    from crossfade.lake.lake import Lake

    experiment, settings = read_experiment(manifest), chosen_settings(settings_file, assignments)
    lines = history_of(directory, experiment.metadata.name).lines() if directory else []
    standing = Standing.of(lines) if lines else _told_standing(step, began, step_began)
    if standing.step > len(experiment.spec.ramp):
        raise InputError(
            f"--step {standing.step}: {manifest} has {len(experiment.spec.ramp)} steps; number them from 1."
        )
    look = Look(experiment, Lake.open(lake_path), settings.lake, standing, lines)
    click.echo(json.dumps(look.told | {"deeper": look.deeper}) if as_json else text(look.told))
    if report:
        write_report(
            ReportInputs(experiment, standing, lines, look.told, look.cohorts(), look.deeper), report
        )


def _told_standing(step: int, began: datetime | None, step_began: datetime | None) -> "Standing":
    """Return where an experiment stands whose history is not known."""
    from crossfade.experiments.history import Standing

    if began is None:
        raise click.UsageError("Name --rollout with the experiment's history, or --began.")
    first = began.replace(tzinfo=UTC)
    since = step_began.replace(tzinfo=UTC) if step_began else first
    return Standing(step, first, since, None, None)
