"""`crossfade twin stream`: a simulated service that produces its events to Kafka."""

import json
from pathlib import Path

import click

from crossfade.cli.options import kafka_options
from crossfade.cli.signals import until_told_to_stop


@click.command("stream")
@kafka_options
@click.option(
    "--topic", required=True, help="Topic to produce to; it must exist unless the broker makes topics."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=1000.0,
    show_default=True,
    help="Events a second; 0: no limit.",
)
@click.option("--users", type=int, default=200, show_default=True, help="Listeners.")
@click.option("--tracks", type=int, default=1_000, show_default=True, help="Tracks in the catalogue.")
@click.option("--days", type=int, default=14, show_default=True, help="Days of listening.")
@click.option(
    "--seed", type=int, default=42, show_default=True, help="Equal seeds and sizes give equal events."
)
@click.option(
    "--events", "most", type=click.IntRange(min=1), help="Stop after so many events.  [default: all]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def stream(
    brokers: str,
    kafka_config: Path | None,
    topic: str,
    *,
    rate: float,
    users: int,
    tracks: int,
    days: int,
    seed: int,
    most: int | None,
    as_json: bool,
) -> None:
    """Produce a twin's events as JSON, in order of time, a user's always to the same partition.

    \b
    Example:
      crossfade twin stream --brokers localhost:9092 --topic listens --rate 500
    """
    from crossfade.sources.kafka.client import read_properties
    from crossfade.sources.kafka.producing import produce
    from crossfade.twin.messages import messages
    from crossfade.twin.spec import TwinSpec
    from crossfade.twin.twin import simulate

    properties = read_properties(kafka_config) if kafka_config else {}
    events = simulate(TwinSpec(users, tracks, days, seed)).events.slice(0, most)
    with until_told_to_stop() as stop:
        count = produce(brokers, topic, messages(events), rate=rate, properties=properties, stop=stop)
    click.echo(
        json.dumps({"topic": topic, "events": count}) if as_json else f"{count:,} events produced to {topic}"
    )
