"""Produces messages at a rate, each acknowledged by the broker."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from crossfade.sources.kafka.client import ANSWER_SECONDS, common, failure, faults_named, made, partitions_of

from confluent_kafka import KafkaError, Message, Producer  # isort: skip (after client's check)

POLL_SECONDS = 0.1


def produce(
    brokers: str,
    topic: str,
    messages: Iterable[tuple[bytes, bytes]],
    *,
    rate: float = 0.0,
    properties: Mapping[str, str] = MappingProxyType({}),
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Produce messages; each is written once, also when a request is tried again.

    Args:
        brokers: `host:port`, several with commas.
        topic: Where to.
        messages: Key and value of each.
        rate: Messages a second; 0 knows no limit.
        properties: Further settings of librdkafka.
        stop: Asked before each message.

    Returns:
        How many the broker has acknowledged.

    Raises:
        InputError: No broker answers.
        NotFoundError: There is no such topic.
        CrossfadeError: A message could not be delivered.
    """
    producer = made(Producer, {"linger.ms": 20, **common(brokers, properties), "enable.idempotence": True})
    partitions_of(producer, brokers, [topic])
    faults: list[KafkaError] = []
    count = 0

    def delivered(error: KafkaError | None, _: Message) -> None:
        nonlocal count
        count += error is None
        faults.extend([error] if error else [])

    started = time.monotonic()
    for sent, (key, value) in enumerate(messages):
        if stop() or faults:
            break
        _wait(producer, started + sent / rate if rate else started)
        _send(producer, topic, {"key": key, "value": value, "on_delivery": delivered})
    if producer.flush(ANSWER_SECONDS) or faults:
        raise failure(faults[0].str() if faults else "messages were not acknowledged in time")
    return count


def _wait(producer: Producer, due: float) -> None:
    producer.poll(0)
    while (seconds := due - time.monotonic()) > 0:
        producer.poll(min(seconds, POLL_SECONDS))


def _send(producer: Producer, topic: str, message: dict[str, Any]) -> None:
    while True:
        try:
            with faults_named():
                producer.produce(topic, **message)
        except BufferError:  # the queue is full until the broker has taken some
            producer.poll(POLL_SECONDS)
        else:
            return
