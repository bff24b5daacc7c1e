"""Exposures reach a real broker, one message a track; a broker that is away costs counts, never time."""

import json
import time
from typing import Any

import pytest
from confluent_kafka import Consumer

from benchmarks.kafka_broker import Broker
from crossfade.schema.errors import InputError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import EXPOSURES, EXPOSURES_DROPPED, SERVING_METRICS
from crossfade.sources.kafka.publishing import Publisher
from serving.gateway.exposures import Exposures

SLATE = {
    "slate_id": "s1", "surface": "radio", "experiment": "e", "variant": "b",
    "tracks": [{"track_id": f"t{i}", "propensity": 0.5} for i in range(3)],
}  # fmt: skip


def counts(exposition: Exposition) -> tuple[str, str]:
    lines = exposition.text().decode().splitlines()
    written, dropped = (
        next(line.split()[1] for line in lines if line.startswith(f"{metric.name} "))
        for metric in (EXPOSURES, EXPOSURES_DROPPED)
    )
    return written, dropped


def consumed(broker: Broker, topic: str, num_messages: int) -> list[tuple[bytes, dict[str, Any]]]:
    consumer = Consumer(
        {"bootstrap.servers": broker.address, "group.id": "test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[tuple[bytes, dict[str, Any]]] = []
    deadline = time.monotonic() + 30
    while len(found) < num_messages and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append((message.key(), json.loads(message.value())))
    consumer.close()
    return found


def test_a_slate_is_one_message_a_track_keyed_by_user(broker: Broker) -> None:
    broker.make_topic("exposures", 1)
    exposition = Exposition(SERVING_METRICS)
    exposures = Exposures(Publisher(broker.address, "exposures", exposition), 10, exposition)
    for user in ("u1", "u2"):
        exposures.log(user, {**SLATE, "slate_id": f"s-{user}"})
    exposures.close()
    assert counts(exposition) == ("2.0", "0.0")
    found = consumed(broker, "exposures", 6)
    mine = [event for key, event in found if key == b"u1"]
    assert [(each["event_id"], each["track_id"], each["position"]) for each in mine] == [
        ("s-u1-0", "t0", 0), ("s-u1-1", "t1", 1), ("s-u1-2", "t2", 2),
    ]  # fmt: skip
    assert {(each["event_type"], each["user_id"], each["variant"], each["propensity"]) for each in mine} == {
        ("exposure", "u1", "b", 0.5)
    }


def test_a_broker_that_is_away_costs_counts_and_no_time() -> None:
    exposition = Exposition(SERVING_METRICS)
    properties = {"queue.buffering.max.messages": "10", "message.timeout.ms": "300"}
    exposures = Exposures(Publisher("127.0.0.1:9", "exposures", exposition, properties), 1000, exposition)
    started = time.monotonic()
    for _ in range(50):
        exposures.log("u1", SLATE)
    assert time.monotonic() - started < 0.1
    exposures.close()
    assert counts(exposition) == ("0.0", "50.0")


def test_settings_that_librdkafka_does_not_know_are_refused() -> None:
    with pytest.raises(InputError, match="librdkafka refuses its settings"):
        Publisher("127.0.0.1:9", "exposures", Exposition(SERVING_METRICS), {"no.such": "1"})
