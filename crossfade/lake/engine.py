"""Binds the lake's transformations to DuckDB; they themselves are ibis expressions that know no engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

BATCH_ROWS: Final = 1 << 17


class Engine:
    """One DuckDB session."""

    def __init__(self, connection: ibis.BaseBackend) -> None:
        self._connection = connection
        self._kept: dict[str, ir.Table] = {}

    def table(self, files: list[Path], schema: pa.Schema) -> ir.Table:
        """Return Parquet files as one expression, read lazily; without files it has no rows.

        Args:
            files: Of one Delta table (`Lake.files`) or of the caller's own; older ones may lack columns that were added since.
            schema: Their columns, for the case that there are no files.
        """
        if not files:
            return ibis.memtable(schema.empty_table())
        return self._connection.read_parquet([str(path) for path in files], union_by_name=True)

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression now and keep its rows under a name, so that several others can read them; once for each name."""
        if name not in self._kept:
            self._kept[name] = self._connection.create_table(name, expression)
        return self._kept[name]

    def count(self, expression: ir.Table) -> int:
        """Return the number of rows."""
        return int(self._connection.to_pyarrow(expression.count()).as_py())

    def rows(self, expression: ir.Table) -> pa.Table:
        """Compute an expression whole."""
        return self._connection.to_pyarrow(expression)

    def batches(self, expression: ir.Table, schema: pa.Schema) -> pa.RecordBatchReader:
        """Compute an expression as a stream of batches of the given Arrow schema."""
        found = self._connection.to_pyarrow_batches(expression.select(schema.names), chunk_size=BATCH_ROWS)
        return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in found))


@contextmanager
def engine(scratch: Path) -> Iterator[Engine]:
    """Open an engine that spills into a directory what does not fit into memory."""
    connection = ibis.duckdb.connect(temp_directory=str(scratch / "spill"))  # ibis itself sets UTC
    try:
        yield Engine(connection)
    finally:
        connection.disconnect()
