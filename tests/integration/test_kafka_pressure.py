"""A lake that is slow makes lag in Kafka, not memory here: what is fetched ahead and what is held stay within their limits."""

import json
import time
from typing import Any

from benchmarks.kafka_broker import Broker
from crossfade.lake.lake import BRONZE
from crossfade.schema.metric import Metric
from crossfade.schema.metrics import INGEST_BUFFERED, INGEST_LAG
from crossfade.schema.settings import load_settings
from crossfade.sources.kafka.batch import Batch
from crossfade.sources.kafka.formats import decoder
from crossfade.sources.kafka.ingesting import ingest
from crossfade.sources.kafka.landing import Landed, Landing
from crossfade.sources.kafka.reader import MESSAGES_AT_ONCE, KafkaSource
from tests.integration.consumers import Stage, event

EVENTS, BATCH_ROWS, PADDING = 24_000, 2_000, "x" * 800
PARTITIONS = 2
# In each partition an answer of librdkafka's own `fetch.message.max.bytes` may come while another waits to be queued.
FETCH_MIB, QUEUE_MIB = 1, 1


class SlowLanding(Landing):
    """Waits before each batch, so that whoever fetches ahead has the time for all there is."""

    sizes: list[int]

    def land(self, batch: Batch, now: Any = None) -> Landed | None:
        self.sizes.append(len(batch.values))
        time.sleep(0.3 if len(self.sizes) < 4 else 0)
        return super().land(batch, now)


class Seen:
    """Keeps the values of each metric."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def record(self, metric: Metric, value: float, **_: str) -> None:
        self.values.setdefault(metric.name, []).append(value)


def test_a_slow_lake_is_lag_and_not_memory(broker: Broker, tmp_path: Any) -> None:
    topic = f"pressure-{tmp_path.name}"
    broker.make_topic(topic, PARTITIONS)
    stage = Stage(broker, topic, tmp_path)
    stage.produce(event(number, mood=PADDING) for number in range(EVENTS))
    told: list[str] = []
    properties: Any = {"statistics.interval.ms": "20", "stats_cb": told.append}
    source = KafkaSource(broker.address, (topic,), until_end=True, properties=properties)
    limits = load_settings(None, [f"stream.queue_mib={QUEUE_MIB}", f"stream.batch_rows={BATCH_ROWS}"]).stream
    landing, seen = SlowLanding(stage.lake, "main", decoder("json"), 60), Seen()
    landing.sizes = []
    report = ingest(landing, source, limits, recorder=seen)

    assert report.rows_bronze == stage.lake.num_rows(BRONZE, "events") == EVENTS
    assert max(seen.values[INGEST_BUFFERED.name]) < BATCH_ROWS + MESSAGES_AT_ONCE
    assert max(landing.sizes) < EVENTS, "it was held at most a batch at a time"
    lags = seen.values[INGEST_LAG.name]
    assert max(lags) > BATCH_ROWS
    assert set(lags[-1:]) == {0.0}
    fetched = max(map(_fetched_bytes, told))
    assert (
        0
        < fetched
        <= (QUEUE_MIB + 2 * FETCH_MIB * PARTITIONS) * 2**20
        < EVENTS * len(event(0, mood=PADDING)) / 4
    )


def _fetched_bytes(statistics: str) -> int:
    """Return the bytes that wait in the client, from librdkafka's own statistics."""
    topics = json.loads(statistics)["topics"].values()
    return sum(part["fetchq_size"] for topic in topics for part in topic["partitions"].values())
