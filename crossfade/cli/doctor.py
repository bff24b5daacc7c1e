"""`crossfade doctor`: what a machine or a cluster lacks, in plain words, each with what mends it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossfade.cli.options import bearer_token, chosen_settings, settings_options
from crossfade.schema.settings import Settings

if TYPE_CHECKING:
    from crossfade.cli.doctor_places import Places
    from crossfade.cli.finding import Finding


@click.command("doctor", short_help="Look for what this machine or a cluster lacks.")
@click.option("--lake", type=click.Path(path_type=Path), help="Look at this lake, too.")
@click.option("--workspace", type=click.Path(path_type=Path), help="... and this workspace's champion.")
@click.option("--kfp-host", metavar="URL", help="... and whether this Kubeflow server answers.")
@click.option("--token-env", metavar="NAME", help="Environment variable with that server's bearer token.")
@click.option("--brokers", help="... and whether Kafka answers at HOST:PORT.")
@click.option("--kafka-config", type=click.Path(path_type=Path), help="Properties file for --brokers.")
@click.option(
    "--overlay",
    type=click.Path(path_type=Path),
    help="... and whether this overlay of the manifests names a bundle.",
)
@click.option(
    "--cluster", "is_cluster", is_flag=True, help="Look at a Kubernetes cluster instead, by kubectl."
)
@click.option("--context", default="", help="Its context in the kubeconfig; else the current one.")
@click.option("--namespace", default="crossfade", show_default=True, help="Crossfade's namespace there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def doctor_command(
    *,
    lake: Path | None,
    workspace: Path | None,
    kfp_host: str | None,
    token_env: str | None,
    brokers: str | None,
    kafka_config: Path | None,
    overlay: Path | None,
    is_cluster: bool,
    context: str,
    namespace: str,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Look for what this machine, or a cluster, lacks; nothing is changed.

    What is `missing` stops something that the settings or the options ask for; a `note` is about what is optional.
    The exit code is 1 if anything is missing.

    \b
    Example:
      crossfade doctor --lake lake --workspace workspace
      crossfade doctor --set lake.engine=spark --json
      crossfade doctor --cluster --overlay manifests/overlays/production --settings settings.yaml
    """
    from crossfade.cli.doctor_places import Places
    from crossfade.cli.finding import MISSING, lines

    settings = chosen_settings(settings_file, assignments)
    places = Places(lake, workspace, kfp_host, bearer_token(token_env), brokers, kafka_config, overlay)
    findings = list(
        _of_cluster(context, namespace, overlay, settings) if is_cluster else _of_machine(places, settings)
    )
    missing = sum(finding.state == MISSING for finding in findings)
    if as_json:
        found = [finding._asdict() for finding in findings]
        click.echo(json.dumps({"missing": missing, "findings": found}))
    else:
        for line in (*lines(findings), f"{missing or 'nothing'} missing"):
            click.echo(line)
    if missing:
        raise click.exceptions.Exit(1)


def _of_machine(places: "Places", settings: Settings) -> Iterator["Finding"]:
    from crossfade.cli.doctor_machine import machine
    from crossfade.cli.doctor_places import installation

    yield from machine(settings, places.brokers, places.workspace or places.lake or Path(), places.lake)
    yield from installation(places, settings)


def _of_cluster(
    context: str, namespace: str, overlay: Path | None, settings: Settings
) -> Iterator["Finding"]:
    from crossfade.cli.doctor_cluster import cluster
    from crossfade.cli.doctor_places import overlaid

    if overlay:
        yield overlaid(overlay)
    yield from cluster(context, namespace, settings)
