"""A Kafka broker on loopback: Apache Kafka from its Maven artefacts, or the small one that is built into librdkafka."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.maven import fetched
from serving.ports import free_ports

APACHE: Final = "apache-kafka"
BUILT_IN: Final = "librdkafka"
VERSION: Final = "3.9.1"
HEAP: Final = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
PROPERTIES: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={directory}/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
"""


@dataclass(frozen=True)
class Broker:
    """Where a broker listens, and which it is."""

    kind: str
    address: str

    def make_topic(self, name: str, partitions: int) -> None:
        """Make a topic; the built-in broker makes it by itself, with four partitions."""
        if self.kind == APACHE:
            admin = AdminClient({"bootstrap.servers": self.address})
            admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)


def artefacts() -> tuple[Path | None, str]:
    """Return the directory of Kafka's jars, fetched once through Maven as it is set up; else None and why."""
    return fetched("org.apache.kafka", "kafka_2.13", VERSION)


@contextmanager
def apache_kafka(jars: Path, directory: Path) -> Iterator[Broker]:
    """Run Apache Kafka (KRaft, one node) until the end of the block."""
    port, controller = free_ports("127.0.0.1", 2)
    properties = directory / "server.properties"
    properties.write_text(PROPERTIES.format(port=port, controller=controller, directory=directory), "utf-8")
    java = ["java", *HEAP, "-cp", f"{jars}/*"]
    formatted = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", str(properties)]
    subprocess.run([*java, *formatted], check=True, capture_output=True, timeout=60)
    with (directory / "broker.log").open("wb") as log:
        process = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=log, stderr=log)
    try:
        address = f"127.0.0.1:{port}"
        _wait_for(address, process)
        yield Broker(APACHE, address)
    finally:
        process.kill()
        process.wait()


@contextmanager
def built_in() -> Iterator[Broker]:
    """Run the broker that is built into librdkafka, in this process, until the end of the block."""
    host = Producer({"test.mock.num.brokers": 1})
    (broker,) = host.list_topics(timeout=10).brokers.values()
    yield Broker(BUILT_IN, f"{broker.host}:{broker.port}")
    host.flush(1)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        try:
            admin.list_topics(timeout=1)
        except KafkaException:
            continue
        return
    raise TimeoutError(f"Apache Kafka did not answer at {address}; its exit code: {process.poll()}")
