"""How a cluster is reached: brokers, properties files and what a broken connection is called."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from crossfade.schema.errors import CrossfadeError, InputError, MissingExtraError, NotFoundError

try:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient
except ImportError as error:
    raise MissingExtraError("confluent-kafka", "kafka") from error

Client = TypeVar("Client")

LOG: Final = logging.getLogger("crossfade.kafka")
QUIET_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 20.0  # within which a broker must answer a single question
FIRST_ANSWER_SECONDS: Final = 5.0  # ... and whether it is there at all

# librdkafka's own settings on which exactly-once rests, and those that have options of their own.
RESERVED: Final = frozenset(
    {
        "auto.offset.reset", "bootstrap.servers", "enable.auto.commit", "enable.auto.offset.store", "enable.partition.eof",
        "group.id", "group.instance.id", "isolation.level", "partition.assignment.strategy",
    }
)  # fmt: skip


class Unrepeated(logging.Filter):
    """Lets a message pass once a minute: librdkafka tells of a broker that is away at every one of its attempts."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.told_at = "", 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is new, apart from how long its attempt took."""
        text = record.getMessage().split(" (after ")[0]
        if text == self.last and record.created - self.told_at < QUIET_SECONDS:
            return False
        self.last, self.told_at = text, record.created
        return True


LOG.addFilter(Unrepeated())


def read_properties(path: Path) -> dict[str, str]:
    """Read a properties file as Kafka's own tools take it (`key=value` lines, `#` comments), with librdkafka's keys.

    Raises:
        NotFoundError: There is no such file.
        InputError: A line is no `key=value`, or sets what is not to be set.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no properties file {path}.")
    found = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith("#"):
            continue
        if not equals:
            raise InputError(f"{path}, line {number}: needs key=value, got {line!r}.")
        if key in RESERVED:
            raise InputError(f"{path}, line {number}: {key} is set by Crossfade itself; leave it out.")
        found[key] = value
    return found


def common(brokers: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """Return librdkafka's configuration of any client."""
    return {
        "client.id": "crossfade",
        "logger": LOG,
        "reconnect.backoff.max.ms": 2000,
        **properties,
        "bootstrap.servers": brokers,
    }


@contextmanager
def faults_named() -> Iterator[None]:
    """Turn what the client raises in the block into one CrossfadeError."""
    try:
        yield
    except KafkaException as error:
        raise failure(error.args[0].str()) from error


def made(client: Callable[[dict[str, Any]], Client], configuration: dict[str, Any]) -> Client:
    """Make a producer, a consumer or an administrator.

    Raises:
        InputError: librdkafka does not know a setting, or not its value.
    """
    try:
        return client(configuration)
    except KafkaException as error:
        raise InputError(
            f"librdkafka refuses its settings: {error.args[0].str()}; mend --kafka-config."
        ) from error


def partitions_of(client: Any, brokers: str, topics: Sequence[str]) -> dict[str, list[int]]:
    """Return the partitions of topics.

    Raises:
        InputError: No broker answers.
        NotFoundError: A topic does not exist.
    """
    found = {}
    for topic in topics:
        try:
            about = client.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            raise InputError(
                f"No Kafka broker answers at {brokers}: {error.args[0].str()}; check --brokers and that it runs."
            ) from error
        if about.error is not None:
            raise NotFoundError(
                f"Topic {topic} cannot be read at {brokers}: {about.error.str()}; make it or name another."
            )
        found[topic] = sorted(about.partitions)
    return found


def num_brokers(brokers: str, properties: Mapping[str, str]) -> int:
    """Return how many brokers a cluster has.

    Raises:
        InputError: None of them answers.
    """
    client = made(AdminClient, common(brokers, properties))
    try:
        return len(client.list_topics(timeout=FIRST_ANSWER_SECONDS).brokers)
    except KafkaException as error:
        raise InputError(f"No Kafka broker answers at {brokers}: {error.args[0].str()}.") from error


def failure(reason: object) -> CrossfadeError:
    """Return what to raise where Kafka gives up."""
    return CrossfadeError(
        f"Kafka cannot go on: {reason}. What was committed is safe; start the same command again."
    )
