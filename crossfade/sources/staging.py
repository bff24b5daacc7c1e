"""Where an import gathers its rows before it touches the lake, so that a file that ends badly leaves nothing behind."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS, TIMESTAMP_TYPE, Table
from crossfade.sources.chunks import REFUSED_SCHEMA, Chunk
from crossfade.sources.conform import column_names

ORDINAL: Final = "ordinal"  # place of a row in the import
TIMESTAMP_US: Final = "timestamp_us"  # microseconds since 1970, which every engine writes as the same text
REFUSED: Final = "refused"


@dataclass(frozen=True)
class Problem:
    """A reason for which rows of a table were refused, with the first of them."""

    table: str
    reason: str
    rows: int
    file: str
    row: int
    column: str
    value: str | None

    def __str__(self) -> str:
        """Return one line for people."""
        value = f"{self.column} = {self.value}" if self.column else self.value
        return f"{self.file}, row {self.row}: {self.reason}: {value} ({self.rows:,} such rows)"


def staged_schema(table: Table) -> pa.Schema:
    """Return the columns of staged rows: the canonical ones, where they came from, and their order."""
    about = [(c.SOURCE_ROW, pa.int64()), (c.SOURCE_FILE, pa.string()), (ORDINAL, pa.int64())]
    times = [(TIMESTAMP_US, pa.int64())] if table is EVENTS else []
    return pa.schema([*table.schema, *(pa.field(name, kind) for name, kind in (*about, *times))])


class Staging:
    """Rows of one import as Parquet files in a directory, with what is to be told of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._ordinal = 0
        self.tables: dict[str, Table] = {}
        self.rows: Counter[str] = Counter()
        self.rows_refused: Counter[str] = Counter()
        self.derived: set[str] = set()
        self.problems: dict[tuple[str, str], Problem] = {}
        self.columns: dict[str, set[str]] = {}
        self.ignored: set[str] = set()
        self.rows_repaired = 0

    def add(self, chunk: Chunk, file: Path, good: pa.Table, refused: pa.Table) -> None:
        """Add the rows of a chunk, as `conform` parted them."""
        name = chunk.table.name
        self.tables[name] = chunk.table
        self.rows[name] += len(good)
        self.rows_refused[name] += len(refused)
        self.derived |= {name} if chunk.derived else set()
        self.columns.setdefault(name, set()).update(column_names(chunk.rows.column_names, chunk.table))
        self.ignored |= set(chunk.ignored)
        self.rows_repaired += chunk.repaired
        place = str(file.resolve())
        if len(good):
            self._write(name, self._staged(chunk.table, good, place))
        if len(refused):
            self._write(
                f"{name}-{REFUSED}", refused.append_column(c.SOURCE_FILE, _repeated(place, len(refused)))
            )
            self._note(name, file, refused)

    def __enter__(self) -> Self:
        """Return the staging itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close what is still open; the caller removes the directory."""
        self.finish()

    def finish(self) -> None:
        """Finish the files, so that they can be read."""
        for writer in self._writers.values():
            writer.close()

    def files(self, name: str) -> list[Path]:
        """Return the Parquet files of a table's good rows, or of its refused ones under `<table>-refused`."""
        return [self._path(name)] if name in self._writers else []

    def _staged(self, table: Table, good: pa.Table, place: str) -> pa.Table:
        ordinals = np.arange(self._ordinal, self._ordinal + len(good))
        self._ordinal += len(good)
        staged = good.append_column(c.SOURCE_FILE, _repeated(place, len(good))).append_column(
            ORDINAL, pa.array(ordinals)
        )
        if table is EVENTS:
            staged = staged.append_column(
                TIMESTAMP_US, good.column(c.TIMESTAMP).cast(TIMESTAMP_TYPE).cast(pa.int64())
            )
        return staged.select(staged_schema(table).names)

    def _write(self, name: str, rows: pa.Table) -> None:
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(self._path(name), rows.schema, compression="lz4")
        self._writers[name].write_table(rows)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.parquet"

    def _note(self, name: str, file: Path, refused: pa.Table) -> None:
        counts = Counter(refused.column(c.REASON).to_pylist())
        for reason, count in counts.items():
            if (name, reason) in self.problems:
                known = self.problems[name, reason]
                self.problems[name, reason] = replace(known, rows=known.rows + count)
                continue
            first = refused.slice(refused.column(c.REASON).index(pa.scalar(reason)).as_py(), 1).to_pylist()[0]
            self.problems[name, reason] = Problem(
                name, reason, count, str(file), first[c.SOURCE_ROW], first["column"], first["value"]
            )


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


REFUSED_STAGED_SCHEMA: Final = REFUSED_SCHEMA.append(pa.field(c.SOURCE_FILE, pa.string()))
