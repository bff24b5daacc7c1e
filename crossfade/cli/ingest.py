"""`crossfade ingest`: streams into a lake."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crossfade.cli.options import chosen_settings, kafka_options, settings_options
from crossfade.cli.signals import until_told_to_stop

if TYPE_CHECKING:
    from crossfade.schema.metrics import Recorder
    from crossfade.sources.kafka.ingesting import IngestReport

LINE_SECONDS: Final = 10.0  # between two lines of progress


@click.group()
def ingest_group() -> None:
    """Stream events into a lake."""


@ingest_group.command("kafka", short_help="Consume topics of events, each message exactly once.")
@kafka_options
@click.option("--topic", "topics", required=True, multiple=True, help="Topic of events; repeatable.")
@click.option(
    "--lake",
    "lake_path",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the lake; made if missing.",
)
@click.option(
    "--group", default="crossfade", show_default=True, help="Consumer group that shares the partitions."
)
@click.option("--instance", help="Name of this consumer that outlives a restart, for example its pod's.")
@click.option(
    "--cluster",
    default="main",
    show_default=True,
    help="Name of the Kafka cluster in the lake; another name is read from its beginning.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "avro"]),
    default="json",
    show_default=True,
    help="What messages are written in.",
)
@click.option(
    "--schema",
    "schema_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Avro schema that messages are written with; repeatable, the last is for messages that name none.",
)
@click.option("--until-end", is_flag=True, help="Read what is there now, in all partitions, and stop.")
@click.option(
    "--skip-lost", is_flag=True, help="Go on where the broker removed messages that were never read."
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Show Prometheus metrics at this port.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="... on this address.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@settings_options
def kafka(
    brokers: str,
    kafka_config: Path | None,
    topics: tuple[str, ...],
    lake_path: Path,
    *,
    group: str,
    instance: str | None,
    cluster: str,
    form: str,
    schema_files: tuple[Path, ...],
    until_end: bool,
    skip_lost: bool,
    metrics_port: int | None,
    metrics_host: str,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Consume topics of events into bronze, each message exactly once.

    Offsets stand in the lake, in the same commit as the rows, so that it may be killed at any moment and several may run at
    once. Messages that cannot be used go to quarantine with partition and offset. It runs until SIGTERM or Ctrl-C, and commits
    what it has read before it ends.

    \b
    Example:
      crossfade ingest kafka --brokers localhost:9092 --topic listens --lake lake
      crossfade ingest kafka --brokers localhost:9092 --topic listens --lake lake --until-end
    """
    from crossfade.lake.lake import Lake
    from crossfade.sources.kafka.client import read_properties
    from crossfade.sources.kafka.formats import decoder
    from crossfade.sources.kafka.ingesting import ingest
    from crossfade.sources.kafka.landing import Landing
    from crossfade.sources.kafka.reader import KafkaSource

    settings = chosen_settings(settings_file, assignments)
    decode = decoder(form, schema_files)
    properties = read_properties(kafka_config) if kafka_config else {}
    source = KafkaSource(brokers, topics, group, instance, until_end, skip_lost, properties)
    with ExitStack() as stack:
        recorder = _recorder(stack, metrics_host, metrics_port)
        stop = stack.enter_context(until_told_to_stop())
        lake = Lake.create(lake_path)
        stack.enter_context(lake.streaming())
        landing = Landing(lake, cluster, decode, settings.lake.future_tolerance_minutes)
        report = ingest(landing, source, settings.stream, stop=stop, progress=_told(), recorder=recorder)
    click.echo(json.dumps(asdict(report)) if as_json else str(report))


def _recorder(stack: ExitStack, host: str, port: int | None) -> "Recorder | None":
    if port is None:
        return None
    from crossfade.schema.exposition import Exposition, served
    from crossfade.schema.metrics import INGEST_METRICS

    exposition = Exposition(INGEST_METRICS)
    taken = stack.enter_context(served(exposition, host, port))
    click.echo(f"metrics at http://{host}:{taken}/metrics", err=True)
    return exposition


def _told() -> Callable[["IngestReport"], None]:
    """Return what tells of progress, after the first batch and then seldom."""
    last = -LINE_SECONDS

    def tell(report: "IngestReport") -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            click.echo(str(report), err=True)

    return tell
