"""Reads the partitions that this consumer was given, from where the lake stands; the group's own offsets are never asked."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

from crossfade.schema.errors import CrossfadeError
from crossfade.schema.metrics import INGEST_LAG, INGEST_LOST, Recorder
from crossfade.sources.kafka.batch import Buffer, Partition, Value
from crossfade.sources.kafka.client import (
    ANSWER_SECONDS,
    LOG,
    common,
    failure,
    faults_named,
    made,
    partitions_of,
)

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition  # isort: skip (after client's check)

# What a fetch is answered with whose messages are not there, or not any more.
GONE: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
MESSAGES_AT_ONCE: Final = 10_000
KIB_PER_MIB: Final = 1024


@dataclass(frozen=True)
class KafkaSource:
    """What to read.

    Args:
        brokers: `host:port`, several with commas.
        topics: Topics of events.
        group: The consumer group that shares the partitions among its members.
        instance: Name of this member that outlives a restart (static membership): its partitions wait for it. None has none.
        until_end: Read what was there at the start and stop; no group is joined, all partitions are read.
        skip_lost: Go on where the broker has removed messages that were never read; else that is an error.
        properties: Further settings of librdkafka, for example of TLS and SASL.
    """

    brokers: str
    topics: tuple[str, ...]
    group: str = "crossfade"
    instance: str | None = None
    until_end: bool = False
    skip_lost: bool = False
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Reader:
    """A Kafka consumer whose offsets are the lake's.

    Args:
        source: What to read.
        positions: Tells where the lake stands.
        queue_mib: Most MiB to fetch ahead.
        recorder: Told of lag and loss.
    """

    def __init__(
        self,
        source: KafkaSource,
        positions: Callable[[Iterable[Partition]], dict[Partition, int | None]],
        *,
        queue_mib: int,
        recorder: Recorder,
    ) -> None:
        self.buffer = Buffer()
        self._source = source
        self._positions = positions
        self._recorder = recorder
        self._starts: dict[Partition, int | None] = {}  # where the lake stands
        self._next: dict[Partition, int] = {}  # the first offset that has not been read
        self._ends: dict[Partition, int] = {}  # of the partition when it was given
        self._at_end: set[Partition] = set()
        self._fresh: set[Partition] = set()  # given while messages were being taken
        # Kafka's words where what was to be fetched next is not there.
        self._gone: dict[Partition, str] = {}
        self._consumer = made(Consumer, _configuration(source, queue_mib))

    def __enter__(self) -> Self:
        """Ask for partitions.

        Raises:
            InputError: No broker answers.
            NotFoundError: A topic does not exist.
        """
        with ExitStack() as unless_begun, faults_named():
            unless_begun.callback(self._consumer.close)
            found = partitions_of(self._consumer, self._source.brokers, self._source.topics)
            if self._source.until_end:
                given = [Partition(topic, number) for topic, numbers in found.items() for number in numbers]
                self._consumer.assign(self._stand(given))
            else:
                self._consumer.subscribe(
                    list(self._source.topics),
                    on_assign=self._assigned,
                    on_revoke=self._revoked,
                    on_lost=self._revoked,
                )
            unless_begun.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the group."""
        self._consumer.close()

    @property
    def is_at_end(self) -> bool:
        """Whether everything that was there at the start has been read."""
        return self._source.until_end and all(
            partition in self._at_end or offset >= self._ends[partition]
            for partition, offset in self._next.items()
        )

    def read(self, seconds: float) -> None:
        """Take what arrives within some time into the buffer.

        Raises:
            CrossfadeError: Kafka gave up, or has removed messages that were never read.
        """
        self._fresh.clear()
        with faults_named():
            self._go_on()
        found: dict[tuple[str, int], list[Message]] = {}
        with faults_named():
            messages = self._consumer.consume(MESSAGES_AT_ONCE, seconds)
        for message in messages:
            if message.error() is not None:
                self._fault(message)
            else:
                found.setdefault((message.topic(), message.partition()), []).append(message)
        with faults_named():
            for (topic, number), of_partition in found.items():
                self._take(Partition(topic, number), of_partition)

    def landed(self, ends: Mapping[Partition, int]) -> None:
        """Take note of where the lake stands after a commit."""
        self._starts |= {partition: end for partition, end in ends.items() if partition in self._starts}
        for partition in self._starts:
            _, high = self._consumer.get_watermark_offsets(_at(partition), cached=True)
            lag = max(high - (self._starts[partition] or 0), 0)
            self._recorder.record(INGEST_LAG, lag, topic=partition.topic, partition=str(partition.number))

    def step_back(self, partitions: Iterable[Partition]) -> None:
        """Read partitions again from where the lake stands now."""
        held = [partition for partition in partitions if partition in self._next]
        with faults_named():
            self._stand(held)
            for partition in held:
                self._move(partition)

    def _take(self, partition: Partition, messages: list[Message]) -> None:
        if partition in self._fresh:
            # These may have been fetched for an earlier assignment: what came before them may be missing.
            self._consumer.seek(_at(partition, self._next[partition]))
            return
        values: list[Value] = []
        offsets: list[int] = []
        wanted = self._next.get(partition)
        for message in messages:
            offset = message.offset()
            if wanted is not None and offset >= wanted:
                values.append(message.value())
                offsets.append(offset)
        if offsets:
            self.buffer.add(partition, self._starts[partition], values, offsets)
            self._next[partition] = offsets[-1] + 1

    def _stand(self, partitions: list[Partition]) -> list[TopicPartition]:
        """Forget what was read of partitions, and return where to read them from."""
        for partition, start in self._positions(partitions).items():
            self.buffer.drop(partition)
            self._at_end.discard(partition)
            low, high = self._bounds(partition)
            self._starts[partition] = start
            self._next[partition] = self._kept(partition, start, low, high)
            self._ends.setdefault(partition, high)
        return [_at(partition, self._next[partition]) for partition in partitions]

    def _go_on(self) -> None:
        """Look again at what the broker has where messages were removed between that look and their fetch.

        Raises:
            CrossfadeError: They are missed, or the broker has what it did not give.
        """
        # What was read before them goes into the lake first, so that no more is missed.
        for partition in [each for each in self._gone if each not in self.buffer]:
            wanted = self._next[partition]
            start = None if self._starts[partition] is None else wanted
            self._next[partition] = self._kept(partition, start, *self._bounds(partition))
            if self._next[partition] == wanted:
                raise failure(self._gone[partition])
            self._move(partition)

    def _move(self, partition: Partition) -> None:
        """Fetch a partition from its next offset on."""
        place = _at(partition, self._next[partition])
        if self._gone.pop(partition, None) is None:
            self._consumer.seek(place)
        else:
            # The client has stopped to fetch it, and does not seek then.
            self._consumer.incremental_unassign([place])
            self._consumer.incremental_assign([place])

    def _bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the first offset that the broker has, and the one after its last."""
        low, high = self._consumer.get_watermark_offsets(_at(partition), timeout=ANSWER_SECONDS)
        return low, high

    def _kept(self, partition: Partition, start: int | None, low: int, high: int) -> int:
        """Return where to start, given what the broker still has: from `low` up to `high`."""
        if start is None:
            return low
        if start > high:
            raise CrossfadeError(
                f"{partition.topic}/{partition.number} ends at offset {high}, but the lake has read up to {start}: the topic was "
                "made anew. Name this incarnation of the cluster with another --cluster to read it from its beginning."
            )
        if start < low and not self._source.skip_lost:
            raise CrossfadeError(
                f"{partition.topic}/{partition.number} begins at offset {low}, but the lake has read only up to {start}: "
                f"{low - start:,} messages were removed before they were read. Go on without them with --skip-lost."
            )
        if start < low:
            LOG.warning(
                "%s: %d messages from offset %d were removed before they were read.",
                partition,
                low - start,
                start,
            )
            self._recorder.record(INGEST_LOST, low - start, topic=partition.topic)
        return max(start, low)

    def _assigned(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        partitions = [Partition(each.topic, each.partition) for each in given]
        consumer.incremental_assign(self._stand(partitions))
        self._fresh.update(partitions)

    def _revoked(self, _: Consumer, taken: list[TopicPartition]) -> None:
        for partition in (Partition(each.topic, each.partition) for each in taken):
            self.buffer.drop(partition)
            for known in (self._starts, self._next, self._ends, self._gone):
                known.pop(partition, None)
            self._at_end.discard(partition)

    def _fault(self, message: Message) -> None:
        error = message.error()
        partition = Partition(message.topic(), message.partition())
        if error.code() == KafkaError._PARTITION_EOF:
            self._at_end.add(partition)
        elif error.code() in GONE:
            if partition in self._next:
                self._gone[partition] = error.str()
        elif error.retriable() or error.code() == KafkaError._MAX_POLL_EXCEEDED:
            LOG.warning("Kafka: %s", error.str())
        else:
            raise failure(error.str()) from KafkaException(error)


def _configuration(source: KafkaSource, queue_mib: int) -> dict[str, Any]:
    static = {"group.instance.id": source.instance} if source.instance else {}
    return {
        "queued.max.messages.kbytes": queue_mib * KIB_PER_MIB,
        **common(source.brokers, source.properties),
        **static,
        "group.id": source.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
    }


def _at(partition: Partition, offset: int | None = None) -> TopicPartition:
    return TopicPartition(*partition) if offset is None else TopicPartition(*partition, offset)
