"""From a real broker into bronze, exactly once: killed, rebalanced, fenced, poisoned, told to stop."""

import itertools
import json
import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.kafka_broker import APACHE, Broker
from crossfade.cli.main import main
from crossfade.lake.lake import BRONZE, QUARANTINE
from crossfade.sources.kafka.batch import Batch, Buffer, Partition
from crossfade.sources.kafka.formats import decoder
from crossfade.sources.kafka.landing import Landing
from tests.integration.consumers import Stage, event, eventually

KILLS = 30
RATE = 1_500.0
PARTITIONS = 3
SMALL = ("--set", "stream.batch_rows=200", "--set", "stream.batch_seconds=0.1")
NUMBERS = itertools.count()


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    topic = f"listens-{next(NUMBERS)}-{tmp_path.name}"
    broker.make_topic(topic, PARTITIONS)
    made = Stage(broker, topic, tmp_path)
    yield made
    for consumer in made.started:
        consumer.kill()


def poisoned(count: int) -> list[bytes]:
    """Return events, every fiftieth of which is poison."""
    return [b"poison" if number % 50 == 7 else event(number) for number in range(count)]


@contextmanager
def under_load(stage: Stage, values: list[bytes]) -> Iterator[None]:
    """Produce messages for the block, and note them in `values`."""
    enough = threading.Event()

    def made() -> Iterator[bytes]:
        while not enough.is_set():
            number = len(values)
            values.append(b"poison" if number % 50 == 7 else event(number))
            yield values[-1]

    load = threading.Thread(target=stage.produce, args=(made(),), kwargs={"rate": RATE})
    load.start()
    try:
        yield
    finally:
        enough.set()
        load.join()


def events_of(values: list[bytes]) -> Counter[str]:
    return Counter(json.loads(value)["event_id"] for value in values if value != b"poison")


def assert_exactly_once(stage: Stage, values: list[bytes]) -> None:
    assert stage.ids() == events_of(values)
    refused = stage.places(QUARANTINE)
    assert refused.total() == values.count(b"poison")
    assert max((refused + stage.places(BRONZE)).values()) == 1


@pytest.mark.slow
def test_a_consumer_killed_at_random_moments_neither_loses_nor_doubles(stage: Stage) -> None:
    chance = random.Random(20)
    values: list[bytes] = []
    # The built-in broker takes seconds to give a killed member's partitions to the next one.
    kind = ("--instance", "one") if stage.broker.kind == APACHE else ("--until-end",)
    after_commits = 0
    with under_load(stage, values):
        for kill in range(KILLS):
            before = stage.num_rows()
            consumer = stage.start("killed", *kind, *SMALL)
            if kill % 3:  # else it dies while it starts, joins its group or takes its first batch
                eventually(lambda before=before: stage.num_rows() > before)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.4))
            consumer.kill()
            after_commits += stage.num_rows() > before
    assert after_commits >= KILLS // 2, "most kills hit a consumer at work"
    assert main(stage.command("--until-end")) == 0
    assert_exactly_once(stage, values)


def test_consumers_that_share_a_topic_hand_partitions_over(stage: Stage) -> None:
    values: list[bytes] = []
    with under_load(stage, values):
        first = stage.start("first", *SMALL)
        eventually(lambda: stage.num_rows() > 0)
        second = stage.start("second", *SMALL)
        eventually(lambda: second.output.exists() and "messages in" in second.output.read_text("utf-8"))
        reports = [first.end()]
    eventually(lambda: stage.num_rows() >= len(values))
    reports.append(second.end())
    assert all(report["rows_in"] > 0 for report in reports)
    assert sum(report["rows_in"] for report in reports) == len(values)
    assert_exactly_once(stage, values)


def test_consumers_that_know_nothing_of_each_other_fence_each_other(stage: Stage) -> None:
    values = poisoned(4_000)
    stage.produce(values)
    consumers = [stage.start(name, "--until-end", *SMALL) for name in ("one", "two", "three")]
    reports = [consumer.report() for consumer in consumers]
    assert sum(report["rows_in"] for report in reports) == len(values)
    assert_exactly_once(stage, values)


def test_poison_and_new_fields_do_not_stop_the_stream(stage: Stage) -> None:
    old = [event(number) for number in range(20)]
    new = [event(number, device="phone", mood={"calm": 0.5}) for number in range(20, 40)]
    later = json.dumps({"user_id": "u", "track_id": "t", "event_type": "dance"}).encode()
    poison = [None, b"", b"\xff\xfe", b"[1]", b'{"user_id": "u"}', later]
    stage.produce([*old, *poison, *new])
    assert main(stage.command("--until-end")) == 0
    rows = stage.lake.read(BRONZE, "events").to_pylist()
    assert {row["event_id"]: (row["device"], row["extras"]) for row in rows} == {
        f"e{number}": (None, None) if number < 20 else ("phone", '{"mood": {"calm": 0.5}}')
        for number in range(40)
    }
    refused = stage.lake.read(QUARANTINE, "events").to_pylist()
    assert sorted(row["reason"] for row in refused) == [
        "event_type is unknown", "line is not a JSON object", "line is not a JSON object",
        "message is empty", "message is empty", "track_id is missing",
    ]  # fmt: skip
    places = stage.places(BRONZE) + stage.places(QUARANTINE)
    partitions = {file for file, _ in places}
    assert all(file.startswith(f"kafka://main/{stage.topic}/") for file in partitions)
    # Of each partition the offsets from 0 on, without a gap.
    assert places == Counter(
        (file, offset) for file in partitions for offset in range(sum(each == file for each, _ in places))
    )


def test_what_was_read_is_committed_before_a_consumer_ends(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    values = [event(number) for number in range(500)]
    stage.produce(values)
    consumer = stage.start("asked", "--set", "stream.batch_seconds=3600", "--metrics-port", "0")
    eventually(lambda: consumer.output.exists() and "/metrics" in consumer.output.read_text("utf-8"))
    address = consumer.output.read_text("utf-8").split()[2]

    def shown(name: str) -> float:
        with urllib.request.urlopen(address, timeout=5) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    eventually(lambda: shown("crossfade_ingest_buffered_messages ") == len(values))
    assert stage.num_rows() == 0
    assert consumer.end()["rows_bronze"] == len(values)
    assert stage.ids() == events_of(values)


def test_metrics_tell_of_throughput_and_lag(stage: Stage) -> None:
    from crossfade.schema.exposition import Exposition
    from crossfade.schema.metrics import METRICS
    from crossfade.schema.settings import load_settings
    from crossfade.sources.kafka.ingesting import ingest
    from crossfade.sources.kafka.reader import KafkaSource

    values = poisoned(100)
    stage.produce(values)
    exposition = Exposition(METRICS)
    landing = Landing(stage.lake, "main", decoder("json"), 60)
    source = KafkaSource(stage.broker.address, (stage.topic,), until_end=True)
    limits = load_settings(None, ["stream.batch_rows=1"]).stream
    report = ingest(landing, source, limits, recorder=exposition)
    assert (report.rows_in, report.rows_quarantined) == (100, 2)

    def value(name: str, **labels: str) -> float | None:
        found: float | None = exposition.registry.get_sample_value(name, labels)
        return found

    assert value("crossfade_ingest_messages_total", layer="bronze") == 98
    assert value("crossfade_ingest_messages_total", layer="quarantine") == 2
    assert value("crossfade_ingest_bytes_total") == sum(map(len, values))
    assert value("crossfade_ingest_commit_seconds_count") == report.commits
    partitions = {file.rpartition("/")[2] for file, _ in stage.places(BRONZE)}
    assert {
        value("crossfade_ingest_lag_messages", topic=stage.topic, partition=each) for each in partitions
    } == {0.0}
    assert abs((value("crossfade_ingest_last_commit_timestamp_seconds") or 0) - time.time()) < 60


def test_a_topic_that_was_made_anew_is_not_taken_for_the_old_one(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.produce([event(number) for number in range(30)])
    Landing(stage.lake, "main", decoder("json"), 60).land(_batch(stage.topic, 1_000))
    assert main(stage.command("--until-end")) == 1
    assert "but the lake has read up to 1001: the topic was made anew" in capsys.readouterr().err
    assert main(stage.command("--until-end", "--cluster", "again")) == 0
    assert stage.num_rows() == 31


def test_messages_that_the_broker_has_removed_are_not_passed_over_in_silence(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    if stage.broker.kind != APACHE:
        pytest.skip(f"{stage.broker.kind} cannot remove messages")
    stage.produce([event(number) for number in range(300)])
    Landing(stage.lake, "main", decoder("json"), 60).land(_batch(stage.topic, 4))
    admin = AdminClient({"bootstrap.servers": stage.broker.address})
    # Else the consumer may be through before.
    for removed in admin.delete_records([TopicPartition(stage.topic, 0, 9)]).values():
        removed.result(30)
    eventually(lambda: main(stage.command("--until-end")) == 1)
    assert (
        "begins at offset 9, but the lake has read only up to 5: 4 messages were removed"
        in capsys.readouterr().err
    )
    assert main(stage.command("--until-end", "--skip-lost")) == 0
    kept = {offset for file, offset in stage.places(BRONZE) if file.endswith("/0")}
    assert kept == {4, *range(9, max(kept) + 1)}


def test_a_twin_can_be_streamed(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--users", "40", "--tracks", "300", "--days", "5", "--events", "200"]
    started = time.monotonic()
    common = ["twin", "stream", "--brokers", stage.broker.address, "--topic", stage.topic, "--json"]
    assert main([*common, "--rate", "400", *size]) == 0
    assert time.monotonic() - started > 0.49
    assert json.loads(capsys.readouterr().out) == {"topic": stage.topic, "events": 200}
    assert main(stage.command("--until-end")) == 0
    assert json.loads(capsys.readouterr().out)["rows_bronze"] == 200
    assert len(stage.ids()) == 200
    users = stage.lake.read(BRONZE, "events").select(["user_id", "source_file"]).group_by("user_id")
    homes = (
        users.aggregate([("source_file", "count_distinct")]).column("source_file_count_distinct").to_pylist()
    )
    assert set(homes) == {1}, "a user's events stay in one partition"


def test_what_cannot_be_reached_is_named(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if stage.broker.kind == APACHE:  # the other makes every topic that it is asked for
        assert (
            main(
                [
                    "ingest",
                    "kafka",
                    "--brokers",
                    stage.broker.address,
                    "--topic",
                    "nope",
                    "--lake",
                    str(stage.directory / "lake"),
                ]
            )
            == 2
        )
        assert "Topic nope cannot be read" in capsys.readouterr().err
    monkeypatch.setattr("crossfade.sources.kafka.client.ANSWER_SECONDS", 0.5)
    assert (
        main(
            [
                "twin",
                "stream",
                "--brokers",
                "127.0.0.1:1",
                "--topic",
                "t",
                "--users",
                "20",
                "--tracks",
                "100",
                "--days",
                "1",
            ]
        )
        == 2
    )
    assert "No Kafka broker answers at 127.0.0.1:1" in capsys.readouterr().err


def _batch(topic: str, offset: int) -> Batch:
    buffer = Buffer()
    buffer.add(Partition(topic, 0), None, [event(100_000)], [offset])
    return buffer.take()
