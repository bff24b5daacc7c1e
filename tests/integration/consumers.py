"""Consumers as processes of their own, which can be killed, and the messages that they read."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.kafka_broker import APACHE, BUILT_IN, Broker
from crossfade.lake.lake import BRONZE, QUARANTINE, Lake

# A server that has imported everything forks the consumers, so that killing them often takes no minutes.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["crossfade.cli.ingest", "crossfade.sources.kafka.ingesting"])
QUICK = {
    APACHE: ("session.timeout.ms=1500", "heartbeat.interval.ms=300", "fetch.wait.max.ms=50"),
    # It lets a new group wait for 3 s, which a member must outlast.
    BUILT_IN: ("session.timeout.ms=6000", "heartbeat.interval.ms=300", "fetch.wait.max.ms=50"),
}


@dataclass(frozen=True)
class Stage:
    """A topic, and a lake that its events go to."""

    broker: Broker
    topic: str
    directory: Path
    started: list["Consumer"] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return Lake.create(self.directory / "lake")

    def command(self, *more: str) -> list[str]:
        """Return the arguments of `crossfade` that ingest the topic."""
        properties = self.directory / "kafka.properties"
        properties.write_text("\n".join(QUICK[self.broker.kind]), "utf-8")
        return [
            "ingest", "kafka", "--brokers", self.broker.address, "--topic", self.topic, "--json",
            "--lake", str(self.directory / "lake"), "--kafka-config", str(properties), *more,
        ]  # fmt: skip

    def start(self, name: str, *more: str) -> "Consumer":
        output = self.directory / f"{name}.out"
        process = CONTEXT.Process(target=run_command, args=(self.command(*more), str(output)))
        process.start()
        self.started.append(Consumer(process, output))
        return self.started[-1]

    def produce(self, values: Iterable[bytes | None], *, rate: float = 0.0) -> int:
        """Produce messages, spread over the partitions, and return how many."""
        producer = Producer({"bootstrap.servers": self.broker.address, "linger.ms": 5})
        started, count = time.monotonic(), 0
        for count, value in enumerate(values, 1):
            producer.produce(self.topic, value=value, key=str(count).encode())
            producer.poll(0)
            if rate and (early := started + count / rate - time.monotonic()) > 0:
                time.sleep(early)
        assert producer.flush(30) == 0
        return count

    def num_rows(self) -> int:
        return self.lake.num_rows(BRONZE, "events") + self.lake.num_rows(QUARANTINE, "events")

    def ids(self) -> Counter[str]:
        return Counter(self.lake.read(BRONZE, "events").column("event_id").to_pylist())

    def places(self, layer: str) -> Counter[tuple[str, int]]:
        rows = self.lake.read(layer, "events")
        return Counter(
            zip(*(rows.column(name).to_pylist() for name in ("source_file", "source_row")), strict=True)
        )


@dataclass(frozen=True)
class Consumer:
    process: BaseProcess
    output: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def end(self) -> dict[str, int]:
        """Ask it to end, and return its report."""
        os.kill(self.process.pid or 0, signal.SIGTERM)
        return self.report()

    def report(self) -> dict[str, int]:
        self.process.join(60)
        text = self.output.read_text("utf-8")
        assert self.process.exitcode == 0, text
        found: dict[str, int] = json.loads(text.splitlines()[-1])
        return found


def run_command(arguments: list[str], output: str) -> None:
    """Be `crossfade` with these arguments, its output in a file."""
    from crossfade.cli.main import main

    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (it is the process's own)
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def event(number: int, **more: object) -> bytes:
    """Return an event whose id is its number."""
    said = {"event_id": f"e{number}", "user_id": f"u{number % 99}", "track_id": "t", "played_ms": number}
    return json.dumps({**said, **more}).encode()
