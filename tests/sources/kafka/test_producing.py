"""Messages are produced at their rate, and only acknowledged ones count."""

import time
from collections.abc import Iterator

import pytest

from benchmarks.kafka_broker import Broker, built_in
from crossfade.schema.errors import CrossfadeError, InputError
from crossfade.sources.kafka import producing
from crossfade.sources.kafka.producing import produce

MESSAGES = [(b"key", b"%d" % number) for number in range(40)]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with built_in() as found:
        yield found


def test_the_rate_is_kept_and_a_wish_to_stop_is_heard(broker: Broker) -> None:
    started = time.monotonic()
    assert produce(broker.address, "rate", MESSAGES, rate=80) == 40
    assert time.monotonic() - started > 0.48
    answers = iter([False, False, True])
    assert produce(broker.address, "rate", MESSAGES, stop=lambda: next(answers)) == 2


def test_a_message_that_is_not_delivered_is_told(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CrossfadeError, match=r"Kafka cannot go on: .*Message size too large"):
        produce(broker.address, "large", [(b"key", b"x" * 3_000_000)])
    monkeypatch.setattr(producing, "ANSWER_SECONDS", 0.0)
    with pytest.raises(CrossfadeError, match="Kafka cannot go on: messages were not acknowledged in time"):
        produce(broker.address, "late", MESSAGES, properties={"linger.ms": "2000"})


def test_settings_that_librdkafka_does_not_know_are_refused(broker: Broker) -> None:
    with pytest.raises(InputError, match=r"refuses its settings: .*colour.*; mend --kafka-config"):
        produce(broker.address, "any", MESSAGES, properties={"colour": "blue"})
