"""Kafka to bronze by one consumer, in turn with a bare consumer that only counts, on Apache Kafka."""

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer

from benchmarks.harness import Bar, Options, Result, median_and_spread
from benchmarks.kafka_broker import VERSION, apache_kafka, artefacts
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import load_settings
from crossfade.sources.kafka.formats import decoder
from crossfade.sources.kafka.ingesting import ingest
from crossfade.sources.kafka.landing import Landing
from crossfade.sources.kafka.producing import produce
from crossfade.sources.kafka.reader import MESSAGES_AT_ONCE, KafkaSource
from crossfade.twin.messages import messages
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

LEAST_EVENTS_PER_SECOND: Final = 50_000
LEAST_RATIO: Final = 0.7
TOPIC: Final = "listens"
PARTITIONS: Final = 4


def run(options: Options) -> Result:
    """Fill a topic with a twin's events, and empty it with both consumers in turn.

    Raises:
        NotFoundError: There is no Apache Kafka: Java and Maven are needed.
    """
    jars, why_not = artefacts()
    if jars is None:
        raise NotFoundError(f"This benchmark needs Apache Kafka, but {why_not}; install Java 17 and Maven.")
    num_events, repeats = (200_000, 3) if options.quick else (600_000, 5)
    with tempfile.TemporaryDirectory() as scratch, apache_kafka(jars, Path(scratch)) as broker:
        broker.make_topic(TOPIC, PARTITIONS)
        num_bytes = _filled(broker.address, num_events)
        lakes = count()
        sides: dict[str, Callable[[], int]] = {
            "bare": lambda: _counted(broker.address, num_events),
            "bronze": lambda: _landed(broker.address, Path(scratch) / f"lake-{next(lakes)}"),
        }
        seconds = _in_turn(sides, repeats, num_events)
    return _result(seconds, num_events, num_bytes, quick=options.quick)


def _filled(address: str, num_events: int) -> int:
    """Produce a twin's events over and over, ids aside; return their bytes."""
    events = list(messages(simulate(TwinSpec(300, 1_500, 28, 42)).events))
    total = 0

    def repeated() -> Iterator[tuple[bytes, bytes]]:
        nonlocal total
        for number in range(num_events):
            key, value = events[number % len(events)]
            value = value.replace(b'"event-', b'"event-%d-' % (number // len(events)), 1)
            total += len(value)
            yield key, value

    assert produce(address, TOPIC, repeated()) == num_events
    return total


def _counted(address: str, num_events: int) -> int:
    """Consume all messages and only count them."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": f"bare-{time.time_ns()}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([TOPIC])
    found = 0
    while found < num_events:
        found += sum(message.error() is None for message in consumer.consume(MESSAGES_AT_ONCE, 0.2))
    consumer.close()
    return found


def _landed(address: str, path: Path) -> int:
    """Consume all messages into the bronze table of a new lake."""
    lake = Lake.create(path)
    source = KafkaSource(address, (TOPIC,), until_end=True)
    ingest(Landing(lake, "main", decoder("json"), 60), source, load_settings().stream)
    return lake.num_rows(BRONZE, "events")


def _in_turn(
    sides: dict[str, Callable[[], int]], repeats: int, num_events: int
) -> dict[str, list[tuple[float, float]]]:
    """Time the sides in turn, after a round to warm up; each must have found all messages.

    Returns:
        Side -> [repeats] seconds of the clock, and of this process on any core.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, side in sides.items():
            started, worked = time.perf_counter(), time.process_time()
            assert side() == num_events, f"{name} lost messages"
            seconds[name].append((time.perf_counter() - started, time.process_time() - worked))
    return {name: taken[1:] for name, taken in seconds.items()}


def _result(
    seconds: dict[str, list[tuple[float, float]]], num_events: int, num_bytes: int, *, quick: bool
) -> Result:
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "broker": f"Apache Kafka {VERSION}",
        "events": num_events,
        "bytes_per_event": round(num_bytes / num_events),
        "partitions": PARTITIONS,
    }
    rates = {}
    for name, taken in seconds.items():
        median, spread = median_and_spread([each for each, _ in taken])
        worked, _ = median_and_spread([each for _, each in taken])
        rates[name] = num_events / median
        figures[f"{name}_events_per_second"] = round(rates[name])
        figures[f"{name}_events_per_processor_second"] = round(num_events / worked)
        figures[f"{name}_spread_seconds"] = round(spread, 2)
    ratio = rates["bronze"] / rates["bare"]
    figures["share_of_bare"] = round(ratio, 3)
    # Either is enough: a fast machine has to hold the first, a slow one at least the second.
    if rates["bronze"] >= LEAST_EVENTS_PER_SECOND:
        bars = {"bronze_events_per_second": Bar(rates["bronze"], at_least=LEAST_EVENTS_PER_SECOND)}
    else:
        bars = {"share_of_bare": Bar(ratio, at_least=LEAST_RATIO)}
    note = "One consumer from Apache Kafka (one node, same machine) into bronze, in turn with a consumer that only counts."
    return Result(figures, bars, [note])
