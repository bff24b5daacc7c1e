"""Messages that the broker removes after it was asked what it has are told of as those that it removed before."""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.kafka_broker import APACHE, Broker
from crossfade.cli.main import main
from crossfade.lake.lake import BRONZE
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.metrics import Unrecorded
from crossfade.sources.kafka.batch import Buffer, Partition
from crossfade.sources.kafka.formats import decoder
from crossfade.sources.kafka.landing import Landing
from crossfade.sources.kafka.reader import KafkaSource, Reader
from tests.integration.consumers import Stage, event, eventually

NUMBERS = itertools.count()


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Stage:
    """A topic of one partition with the messages 0 to 19, of a broker that can remove some."""
    if broker.kind != APACHE:
        pytest.skip(f"{broker.kind} cannot remove messages")
    topic = f"removed-{next(NUMBERS)}-{tmp_path.name}"
    broker.make_topic(topic, 1)
    made = Stage(broker, topic, tmp_path)
    made.produce([event(number) for number in range(20)])
    return made


def remove(stage: Stage, until: int) -> None:
    """Have the broker remove the messages before an offset, and wait for it."""
    admin = AdminClient({"bootstrap.servers": stage.broker.address})
    for removed in admin.delete_records([TopicPartition(stage.topic, 0, until)]).values():
        removed.result(30)


@pytest.mark.parametrize("joins_group", [False, True])
def test_messages_removed_between_the_look_and_the_fetch_are_told_of(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    joins_group: bool,
) -> None:
    buffer = Buffer()
    buffer.add(Partition(stage.topic, 0), None, [event(100)], [4])
    Landing(stage.lake, "main", decoder("json"), 60).land(buffer.take())
    kept, lows = Reader._kept, []
    # At the first look; at the third, which is the first of the second run.
    removed_at = {1: 9, 3: 12}

    def kept_until_then(reader: Reader, partition: Partition, start: int, low: int, high: int) -> int:
        lows.append(low)
        if len(lows) in removed_at:
            remove(stage, removed_at[len(lows)])
        return kept(reader, partition, start, low, high)

    monkeypatch.setattr(Reader, "_kept", kept_until_then)
    assert main(stage.command(*(() if joins_group else ("--until-end",)))) == 1
    error = capsys.readouterr().err
    assert (
        f"{stage.topic}/0 begins at offset 9, but the lake has read only up to 5: 4 messages were removed before they were "
        "read. Go on without them with --skip-lost."
    ) in error
    with caplog.at_level(logging.WARNING, "crossfade.kafka"):
        assert main(stage.command("--until-end", "--skip-lost")) == 0
    assert lows == [0, 9, 9, 12]
    assert sorted(offset for _, offset in stage.places(BRONZE)) == [4, *range(12, 20)]
    # None counts twice.
    passed = [record.getMessage().split(": ")[1] for record in caplog.records if "removed" in record.msg]
    assert [text.partition(" were")[0] for text in passed] == [
        "4 messages from offset 5",
        "3 messages from offset 9",
    ]


def read_until(reader: Reader, holds: Callable[[], bool]) -> None:
    def has_read() -> bool:
        reader.read(0.1)
        return holds()

    eventually(has_read)


@pytest.fixture
def reader_before_a_gap(stage: Stage) -> Iterator[tuple[Reader, dict[Partition, int | None]]]:
    """A reader that holds the messages 0 to 19, of which the lake has none, and will find that 20 to 24 are gone."""
    lake: dict[Partition, int | None] = {}

    def positions(partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        return {partition: lake.get(partition) for partition in partitions}

    source = KafkaSource(stage.broker.address, (stage.topic,), until_end=True)
    with Reader(source, positions, queue_mib=16, recorder=Unrecorded()) as reader:
        read_until(reader, lambda: reader.buffer.num_rows == 20)
        reader._consumer.pause([TopicPartition(stage.topic, 0)])
        stage.produce([event(number) for number in range(20, 30)])
        remove(stage, 25)
        reader._consumer.resume([TopicPartition(stage.topic, 0)])
        read_until(reader, lambda: bool(reader._gone))
        yield reader, lake


def test_what_was_read_before_the_gap_goes_into_the_lake_first(
    stage: Stage, reader_before_a_gap: tuple[Reader, dict[Partition, int | None]]
) -> None:
    reader, _ = reader_before_a_gap
    reader.read(0.1)
    assert reader.buffer.num_rows == 20
    (stretch,) = reader.buffer.take().stretches
    reader.landed({stretch.partition: stretch.end})
    with pytest.raises(CrossfadeError, match=r"offset 25, but the lake has read only up to 20: 5 messages"):
        reader.read(0.1)


def test_who_finds_that_another_consumer_has_read_them_goes_on(
    stage: Stage, reader_before_a_gap: tuple[Reader, dict[Partition, int | None]]
) -> None:
    reader, lake = reader_before_a_gap
    (stretch,) = reader.buffer.take().stretches
    lake[stretch.partition] = 26
    reader.step_back([stretch.partition])
    read_until(reader, lambda: reader.buffer.num_rows == 4)
    assert reader.buffer.take().offsets.tolist() == [26, 27, 28, 29]
