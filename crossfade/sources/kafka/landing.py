"""Lands batches of messages in bronze and quarantine, each message in one of them and once; why: docs/decisions/0011."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.lake.lake import BRONZE, QUARANTINE, Lake
from crossfade.lake.layout import QUARANTINE_SCHEMA, bronze_schema
from crossfade.lake.messages import unwritten
from crossfade.lake.streams import ATTEMPTS, Span, StreamTable
from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS, TIMESTAMP_TYPE
from crossfade.sources.conform import Times, conform
from crossfade.sources.kafka.batch import Batch, Partition
from crossfade.sources.kafka.formats import Decode

KAFKA: Final = "kafka"
_BRONZE_SCHEMA: Final = bronze_schema(EVENTS)


@dataclass(frozen=True)
class Landed:
    """Where the messages of a batch are now; those that an earlier, interrupted attempt had refused count as quarantined."""

    rows_bronze: int
    rows_quarantined: int


class Landing:
    """Lands messages of one cluster in one lake.

    Args:
        lake: Where.
        cluster: Name of the cluster in the lake: together with topic and partition it names a stream.
        decode: Reads the messages.
        tolerance_minutes: Events later than now by more than this are refused.
    """

    def __init__(self, lake: Lake, cluster: str, decode: Decode, tolerance_minutes: int) -> None:
        self._lake = lake
        self._cluster = cluster
        self._decode = decode
        self._tolerance_minutes = tolerance_minutes
        self._bronze = StreamTable(lake, BRONZE, EVENTS.name, _BRONZE_SCHEMA)
        self._quarantine = StreamTable(lake, QUARANTINE, EVENTS.name, QUARANTINE_SCHEMA)

    def stream(self, partition: Partition) -> str:
        """Return a partition's name in the lake: that of its position, and the `source_file` of its rows."""
        return f"{KAFKA}://{self._cluster}/{partition.topic}/{partition.number}"

    def positions(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Return the offsets from which to read, as bronze has them now; None for a partition that it has never seen."""
        self._bronze.refresh()
        return {partition: self._bronze.position(self.stream(partition)) for partition in partitions}

    def land(self, batch: Batch, now: datetime | None = None) -> Landed | None:
        """Put a batch into the lake: what is refused first, then what is good together with the new positions.

        Args:
            batch: Messages from where bronze stands.
            now: The moment, for tests; None takes the clock.

        Returns:
            What landed; None where another consumer has moved one of the partitions: then bronze is as it was.

        Raises:
            CrossfadeError: The disk is full or cannot be written; the same batch may be landed again.
        """
        spans = [Span(self.stream(each.partition), each.start, each.end) for each in batch.stretches]
        good, refused = self._parted(batch, spans, now or datetime.now(UTC))
        for _ in range(ATTEMPTS):
            self._quarantine.refresh()
            known = self._refused_before(spans)
            fresh = _without(refused, known)
            if not len(fresh) or self._quarantine.append_to_seen(
                fresh.select(QUARANTINE_SCHEMA.names), spans
            ):
                break
        else:
            raise unwritten(self._lake.path / QUARANTINE, TimeoutError(f"{ATTEMPTS} commits came first"))
        kept = _without(good, known)
        if not self._bronze.append(kept, spans):
            return None
        return Landed(len(kept), len(batch.values) - len(kept))

    def _parted(self, batch: Batch, spans: Sequence[Span], moment: datetime) -> tuple[pa.Table, pa.Table]:
        """Return good rows as bronze has them, and refused ones as quarantine has them."""
        decoded = self._decode(batch.values)
        good, refused = conform(decoded.chunk, Times(moment, self._tolerance_minutes))
        files = pa.array([span.stream for span in spans])

        def placed(rows: pa.Table) -> pa.Table:
            places = rows.column(c.SOURCE_ROW).to_numpy()
            about = {
                c.SOURCE: pa.repeat(pa.scalar(KAFKA), len(rows)),
                c.SOURCE_FILE: files.take(pa.array(batch.owners[places])),
                c.SOURCE_ROW: pa.array(batch.offsets[places]),
                c.IMPORTED_AT: pa.repeat(pa.scalar(moment, TIMESTAMP_TYPE), len(rows)),
                c.EXTRAS: decoded.extras.take(pa.array(places)),
            }
            return pa.table({**{name: rows.column(name) for name in rows.column_names}, **about})

        rows = _identified(placed(good))
        return rows.select(_BRONZE_SCHEMA.names).cast(_BRONZE_SCHEMA), placed(refused)

    def _refused_before(self, spans: Iterable[Span]) -> pa.Table:
        """Return `source_file, source_row` of messages of these spans that an attempt that got no further had refused."""
        found = [QUARANTINE_SCHEMA.empty_table().select(_PLACE)]
        for span in spans:
            if (self._quarantine.position(span.stream) or 0) > (span.start or 0):
                here = (pc.field(c.SOURCE_FILE) == span.stream) & (
                    pc.field(c.SOURCE_ROW) >= (span.start or 0)
                )
                found.append(self._quarantine.rows_at(_PLACE, here))
        return pa.concat_tables(found)


_PLACE: Final = (c.SOURCE_FILE, c.SOURCE_ROW)


def _without(rows: pa.Table, known: pa.Table) -> pa.Table:
    """Leave out the rows whose place is known."""
    return rows.join(known, list(_PLACE), join_type="left anti") if len(known) else rows


def _identified(rows: pa.Table) -> pa.Table:
    if not rows.column(c.EVENT_ID).null_count:
        return rows
    # ibis takes a second to import, and events with ids of their own do not need it.
    from crossfade.sources.kafka.event_ids import with_event_ids

    return with_event_ids(rows)
