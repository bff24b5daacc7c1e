"""Publishes events to a topic without ever waiting for the broker; what cannot be delivered is counted."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from crossfade.schema.metrics import EXPOSURES, EXPOSURES_DROPPED, Recorder
from crossfade.sources.kafka.client import LOG, common, made

from confluent_kafka import KafkaError, Message, Producer  # isort: skip (after client's check)

MOST_WAITING: Final = 100_000  # messages that librdkafka holds while no broker takes them
DELIVERY_MS: Final = 30_000  # a message that no broker has taken for so long is lost
CLOSE_SECONDS: Final = 5.0


class Publisher:
    """A topic that slates are published to: a message for each shown track, keyed by user so that order is kept.

    Belongs to one thread.

    Args:
        brokers: `host:port`, several with commas; none needs to be there yet.
        topic: Where to.
        recorder: Told of slates whose every message the broker has acknowledged, and of lost ones.
        properties: Further settings of librdkafka.

    Raises:
        InputError: librdkafka does not know a setting, or not its value.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        recorder: Recorder,
        properties: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._topic, self._recorder = topic, recorder
        usual = {
            "linger.ms": 20,
            "queue.buffering.max.messages": MOST_WAITING,
            "message.timeout.ms": DELIVERY_MS,
        }
        self._producer = made(Producer, {**usual, **common(brokers, properties), "enable.idempotence": True})

    def write(self, slates: Sequence[tuple[str, bytes]]) -> None:
        """Hand slates, each the user and a line of JSON for each track, to librdkafka; returns at once."""
        for user, lines in slates:
            events = lines.split(b"\n")[:-1]
            told = _Slate(len(events), self._recorder)
            for event in events:
                try:
                    self._producer.produce(self._topic, event, user.encode(), on_delivery=told.delivered)
                except BufferError:  # the queue is full: the broker is away or too slow
                    told.lost()
        self._producer.poll(0)

    def close(self) -> None:
        """Give what is under way a few seconds, and count what is left as lost."""
        if self._producer.flush(CLOSE_SECONDS):
            self._producer.purge()
            self._producer.flush(1)


class _Slate:
    """Counts a slate once, when the fate of its last message is known.

    Args:
        num_events: Messages that it is made of.
        recorder: Told of it.
    """

    def __init__(self, num_events: int, recorder: Recorder) -> None:
        self._left, self._is_whole, self._recorder = num_events, True, recorder

    def delivered(self, error: KafkaError | None, _: Message) -> None:
        """Note the fate of one message."""
        if error is not None:
            LOG.warning("An exposure was not delivered: %s", error.str())
            self.lost()
        else:
            self._noted()

    def lost(self) -> None:
        """Note a message that will not arrive."""
        self._is_whole = False
        self._noted()

    def _noted(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._recorder.record(EXPOSURES if self._is_whole else EXPOSURES_DROPPED, 1)
