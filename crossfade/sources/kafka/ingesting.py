"""From Kafka into bronze: read, gather, commit, until told to stop."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from crossfade.lake.lake import BRONZE, QUARANTINE
from crossfade.schema.lake_settings import StreamSettings
from crossfade.schema.metrics import (
    INGEST_BUFFERED,
    INGEST_BYTES,
    INGEST_COMMIT_SECONDS,
    INGEST_FENCED,
    INGEST_LAST_COMMIT,
    INGEST_MESSAGES,
    Recorder,
    Unrecorded,
)
from crossfade.sources.kafka.batch import Buffer
from crossfade.sources.kafka.landing import Landing
from crossfade.sources.kafka.reader import KafkaSource, Reader

READ_SECONDS = 0.2  # how long a stop, a full batch or a rebalance may go unnoticed
BYTES_PER_MIB = 1 << 20


@dataclass(frozen=True)
class IngestReport:
    """What a consumer did: `rows_in = rows_bronze + rows_quarantined`, in so many commits.

    Args:
        rows_in: Messages that landed.
        rows_bronze: Of them in bronze.
        rows_quarantined: Of them in quarantine, with their reasons.
        commits: Batches that landed.
        fenced: Batches that another consumer had landed before.
    """

    rows_in: int = 0
    rows_bronze: int = 0
    rows_quarantined: int = 0
    commits: int = 0
    fenced: int = 0

    def __str__(self) -> str:
        """Return one line for people."""
        return (
            f"events: {self.rows_in:,} messages in = {self.rows_bronze:,} bronze + {self.rows_quarantined:,} quarantined; "
            f"{self.commits:,} commits, {self.fenced:,} fenced"
        )


def ingest(
    landing: Landing,
    source: KafkaSource,
    limits: StreamSettings,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[IngestReport], None] = lambda _: None,
    recorder: Recorder | None = None,
) -> IngestReport:
    """Move messages into bronze, each exactly once, until told to stop or, if the source says so, to its end.

    Args:
        landing: Where to.
        source: Where from.
        limits: When a batch is committed.
        stop: Asked a few times a second; what was read is committed before the end.
        progress: Told the counts so far after each batch.
        recorder: Told of throughput and lag.

    Raises:
        InputError: No broker answers.
        NotFoundError: A topic does not exist.
        CrossfadeError: Kafka gave up or has removed messages that were never read, or the disk is full. Start again then.
    """
    told = recorder or Unrecorded()
    report = IngestReport()
    with Reader(source, landing.positions, queue_mib=limits.queue_mib, recorder=told) as reader:
        ended = False
        while not ended:
            reader.read(READ_SECONDS)
            told.record(INGEST_BUFFERED, reader.buffer.num_rows)
            ended = stop() or reader.is_at_end
            if reader.buffer.num_rows and (ended or _is_full(reader.buffer, limits)):
                report = _landed(reader, landing, report, told)
                progress(report)
                ended = ended and (stop() or reader.is_at_end)  # not where a partition is to be read again
    return report


def _is_full(buffer: Buffer, limits: StreamSettings) -> bool:
    return (
        buffer.num_rows >= limits.batch_rows
        or buffer.num_bytes >= limits.batch_mib * BYTES_PER_MIB
        or buffer.seconds >= limits.batch_seconds
    )


def _landed(reader: Reader, landing: Landing, report: IngestReport, recorder: Recorder) -> IngestReport:
    started = time.monotonic()
    batch = reader.buffer.take()
    landed = landing.land(batch)
    if landed is None:
        reader.step_back(stretch.partition for stretch in batch.stretches)
        recorder.record(INGEST_FENCED, 1)
        return replace(report, fenced=report.fenced + 1)
    recorder.record(INGEST_COMMIT_SECONDS, time.monotonic() - started)
    recorder.record(INGEST_LAST_COMMIT, time.time())
    recorder.record(INGEST_MESSAGES, landed.rows_bronze, layer=BRONZE)
    recorder.record(INGEST_MESSAGES, landed.rows_quarantined, layer=QUARANTINE)
    recorder.record(INGEST_BYTES, sum(len(value) for value in batch.values if value))
    reader.landed({stretch.partition: stretch.end for stretch in batch.stretches})
    return IngestReport(
        report.rows_in + len(batch.values),
        report.rows_bronze + landed.rows_bronze,
        report.rows_quarantined + landed.rows_quarantined,
        report.commits + 1,
        report.fenced,
    )
