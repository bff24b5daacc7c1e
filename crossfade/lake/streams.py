"""Appends that say how far streams have been read: rows and positions in one commit, refused where another writer was first.

Delta keeps a number for each application in its log (a transaction identifier). Here an application is one partition of a stream,
and its number is the position after the last row that the table holds of it. Rows and numbers are one commit, so that no crash
can part them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from crossfade.lake.lake import Lake
from crossfade.lake.messages import unwritten

ATTEMPTS: Final = 20  # at a commit, while others write to the same table


@dataclass(frozen=True)
class Span:
    """A stretch of one partition of a stream.

    Args:
        stream: The partition's name, unique in the lake.
        start: The position at which the table stood when the stretch was read; None where it knows nothing of the partition.
        end: The position after the stretch.
    """

    stream: str
    start: int | None
    end: int


class StreamTable:
    """One table of the lake as a stream's writer sees it.

    Reads and writes are of one version, the newest when `refresh` was last called: what was checked there is what a
    commit builds on.

    Args:
        lake: Where; a missing table is made.
        layer: One of `LAYERS`.
        name: The table's name.
        schema: The columns that are appended.
    """

    def __init__(self, lake: Lake, layer: str, name: str, schema: pa.Schema) -> None:
        self._path = lake.path / layer / name
        self._schema = schema
        self._table = _made(self._path, schema)

    def refresh(self) -> None:
        """Take the newest version."""
        self._table.update_incremental()

    def position(self, stream: str) -> int | None:
        """Return the position up to which the table holds a partition; None where it knows nothing of it."""
        found = self._table.transaction_version(stream)
        return None if found is None else int(found)

    def rows_at(self, columns: Sequence[str], condition: pc.Expression) -> pa.Table:
        """Return the rows that meet a condition."""
        return self._table.to_pyarrow_dataset().to_table(columns=list(columns), filter=condition)

    def append(self, rows: pa.Table, spans: Iterable[Span]) -> bool:
        """Append rows if every partition still stands where its span starts, whatever else was appended meanwhile.

        Args:
            rows: [n]; none only moves the positions.
            spans: What the rows were read from.

        Returns:
            False where another writer has moved one of the partitions; nothing is written then.

        Raises:
            CrossfadeError: The disk is full or cannot be written, or others commit all the time.
        """
        stretches = tuple(spans)
        for _ in range(ATTEMPTS):
            self.refresh()
            if any(self.position(span.stream) != span.start for span in stretches):
                return False
            # Delta refuses the commit if one of these partitions is moved between here and there.
            if self._committed(rows, stretches, retries=None):
                return True
        raise unwritten(self._path, TimeoutError(f"{ATTEMPTS} commits of other writers came first"))

    def append_to_seen(self, rows: pa.Table, spans: Iterable[Span]) -> bool:
        """Append rows if nothing at all was committed since `refresh`; positions only ever rise.

        Returns:
            False where something was; nothing is written then.

        Raises:
            CrossfadeError: The disk is full or cannot be written.
        """
        raised = [Span(each.stream, None, max(each.end, self.position(each.stream) or 0)) for each in spans]
        return self._committed(rows, raised, retries=0)

    def _committed(self, rows: pa.Table, spans: Iterable[Span], *, retries: int | None) -> bool:
        properties = CommitProperties(
            app_transactions=[Transaction(span.stream, span.end) for span in spans],
            max_commit_retries=retries,
        )
        try:
            if len(rows):
                write_deltalake(
                    self._table, rows, mode="append", schema_mode="merge", commit_properties=properties
                )
            else:
                self._table.create_write_transaction(
                    [], "append", self._table.schema(), commit_properties=properties
                )
                self.refresh()  # which `write_deltalake` does by itself
        except CommitFailedError:
            return False
        except (OSError, DeltaError) as error:
            raise unwritten(self._path, error) from error
        return True


def _made(path: Path, schema: pa.Schema) -> DeltaTable:
    """Open a table, making an empty one where there is none; another process may be doing the same."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(str(path), schema, mode="ignore")
    except (OSError, DeltaError) as error:
        if DeltaTable.is_deltatable(str(path)):
            return DeltaTable(str(path))
        raise unwritten(path, error) from error
