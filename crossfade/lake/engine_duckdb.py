"""The lake's transformations on DuckDB, in this process."""

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType

from crossfade.lake.engine import BATCH_ROWS, all_counts, told_counts
from crossfade.lake.lake import Lake
from crossfade.schema.tables import TIMESTAMP_TYPE

KIB_PER_GIB: Final = 1 << 20
FEW_GIB: Final = 2.0


class DuckDbEngine:
    """One DuckDB session: one machine, spilling to disk."""

    def __init__(self, connection: ibis.BaseBackend) -> None:
        self._connection = connection
        self._kept: dict[str, ir.Table] = {}
        self._tables: dict[tuple[str, ...], ir.Table] = {}
        self._views: dict[ops.Relation, ir.Table] = {}
        self._num_about: Counter[str] = Counter()

    def table(self, files: Sequence[Path], schema: pa.Schema) -> ir.Table:
        """See `Engine.table`."""
        if not files:
            return self._empty(schema)
        paths = tuple(map(str, files))
        if paths not in self._tables:  # files never change
            self._tables[paths] = self._read(paths)
        return self._tables[paths]

    def _read(self, paths: Sequence[str]) -> ir.Table:
        """Return a view of files whose timestamps are UTC without a zone.

        DuckDB asks a calendar for each value that has one, at forty times the cost. The view is written by hand, since ibis
        takes longer for it, and expressions stay short.
        """
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        source = f"read_parquet([{listed}], union_by_name = true)"
        told = self._connection.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
        kinds = {name: DuckDBType.from_string(kind) for name, kind, *_ in told}
        zoned = [each for each, kind in kinds.items() if _is_zoned(kind)]
        moments = ", ".join(f'make_timestamp(epoch_us("{each}")) AS "{each}"' for each in zoned)
        columns = f"* REPLACE ({moments})" if zoned else "*"
        return self._named("files", f"SELECT {columns} FROM {source}", kinds)

    def view(self, about: str, expression: ir.Table) -> ir.Table:
        """See `Engine.view`."""
        rows = expression.op()
        if rows not in self._views:
            self._views[rows] = self._named(about, self._sql(expression), expression.schema())
        return self._views[rows]

    def _named(self, about: str, sql: str, kinds: Mapping[str, dt.DataType]) -> ir.Table:
        """Make a view; by hand, as `_made` does."""
        name = self._new_name(about)
        self._connection.raw_sql(f'CREATE TEMP VIEW "{name}" AS {sql}')
        schema = {each: dt.timestamp if kind.is_timestamp() else kind for each, kind in kinds.items()}
        view: ir.Table = ops.DatabaseTable(name, ibis.schema(schema), self._connection).to_expr()
        return view

    def _new_name(self, about: str) -> str:
        self._num_about[about] += 1
        return f"{about}_{self._num_about[about]}"

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.kept`."""
        if name not in self._kept:
            table = self._made(name, expression.schema())
            insert = f'INSERT INTO "{name}" {self._sql(expression)}'
            with self._in_any_order() if not isinstance(expression.op(), ops.Sort) else nullcontext():
                self._connection.raw_sql(insert)
            self._kept[name] = table
        return self._kept[name]

    @contextmanager
    def _in_any_order(self) -> Iterator[None]:
        """Let DuckDB keep rows as they come, which costs a tenth less, where nobody asks for an order."""
        self._connection.raw_sql("SET preserve_insertion_order = false")
        try:
            yield
        finally:
            self._connection.raw_sql("SET preserve_insertion_order = true")

    def _made(self, name: str, schema: ibis.Schema) -> ir.Table:
        """Make an empty table; by hand, since ibis asks DuckDB for what it has just told it.

        Timestamps have no stated precision, as expressions have them, so that both can be put together.
        """
        kinds = {
            each: dt.timestamp if kind.is_timestamp() else kind(nullable=True)
            for each, kind in schema.items()
        }
        told = ", ".join(f'"{each}" {DuckDBType.to_string(kind)}' for each, kind in kinds.items())
        self._connection.raw_sql(f'CREATE TABLE "{name}" ({told})')
        table: ir.Table = ops.DatabaseTable(name, ibis.schema(kinds), self._connection).to_expr()
        return table

    def count(self, expression: ir.Table) -> int:
        """See `Engine.count`."""
        (found,) = self._connection.raw_sql(self._sql(expression.count().as_table())).fetchone()
        return int(found)

    def counts(self, *expressions: ir.Table) -> list[int]:
        """See `Engine.counts`."""
        return told_counts(self.rows(all_counts(expressions)))

    def rows(self, expression: ir.Table) -> pa.Table:
        """See `Engine.rows`."""
        found = self._connection.raw_sql(self._sql(expression)).to_arrow_table()
        typed = expression.schema().to_pyarrow()
        return found.cast(pa.schema([_with_zone(field) for field in typed]))

    def batches(self, expression: ir.Table, schema: pa.Schema) -> pa.RecordBatchReader:
        """See `Engine.batches`."""
        rows = expression.select(schema.names)
        if isinstance(expression.op(), ops.Sort):
            return pa.RecordBatchReader.from_batches(schema, self._streamed(rows, schema))
        # What comes from several sides of a union, DuckDB 1.5 may stream no further: each side waits for the reader, and the
        # reader for all of them (duckdb/duckdb#22215). An order is one side, and so is a table.
        name = self._new_name("laid_out")
        return pa.RecordBatchReader.from_batches(schema, self._streamed(self.kept(name, rows), schema, name))

    def aside(
        self, name: str, expression: ir.Table, schema: pa.Schema
    ) -> tuple[ir.Table, pa.RecordBatchReader]:
        """See `Engine.aside`."""
        kept = self.kept(name, expression)
        cursor = self._connection.con.cursor()
        batches = cursor.execute(self._sql(kept.select(schema.names))).to_arrow_reader(BATCH_ROWS)

        def streamed() -> Iterator[pa.RecordBatch]:
            with cursor:
                for batch in batches:
                    yield batch.cast(schema)

        return kept, pa.RecordBatchReader.from_batches(schema, streamed())

    def _streamed(self, rows: ir.Table, schema: pa.Schema, name: str = "") -> Iterator[pa.RecordBatch]:
        """Yield rows as they come, and forget the table of that name after the last one."""
        for batch in self._connection.raw_sql(self._sql(rows)).to_arrow_reader(BATCH_ROWS):
            yield batch.cast(schema)
        if name:
            del self._kept[name]
            self._connection.raw_sql(f'DROP TABLE "{name}"')

    def overwrite(
        self,
        lake: Lake,
        table: str,
        expression: ir.Table,
        schema: pa.Schema,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """See `Engine.overwrite`."""
        layer, _, name = table.partition("/")
        lake.overwrite(layer, name, self.batches(expression, schema), about)

    def _empty(self, schema: pa.Schema) -> ir.Table:
        return self._made(self._new_name("empty"), ibis.schema(schema))

    def _sql(self, expression: ir.Table) -> str:
        if expression.op().find(ops.InMemoryTable):
            self._connection._run_pre_execute_hooks(expression)
            sql: str = self._connection.compile(expression)
            return sql
        return _compiled(self._connection, expression.op())


@lru_cache(maxsize=256)
def _compiled(connection: ibis.BaseBackend, rows: ops.Relation) -> str:
    """Compile an expression, once in a process: a refresh composes the same for every lake, and ibis takes long over it.

    Sessions whose tables have equal names and columns are equal here.
    """
    sql: str = connection.compile(rows.to_expr())
    return sql


def _is_zoned(kind: dt.DataType) -> bool:
    return bool(kind.is_timestamp() and kind.timezone)


def _with_zone(field: pa.Field) -> pa.Field:
    is_moment = pa.types.is_timestamp(field.type) and field.type.tz is None
    return field.with_type(TIMESTAMP_TYPE) if is_moment else field


@contextmanager
def engine(scratch: Path, memory_gib: float = FEW_GIB) -> Iterator[DuckDbEngine]:
    """Open DuckDB, spilling into a directory what does not fit into memory.

    Args:
        scratch: For what is spilled.
        memory_gib: GiB that DuckDB may hold; the default is for few rows.
    """
    connection = ibis.duckdb.connect()  # ibis itself sets UTC
    spill = str(scratch / "spill").replace("'", "''")
    connection.raw_sql(
        f"SET temp_directory = '{spill}'; SET memory_limit = '{memory_gib * KIB_PER_GIB:.0f}KiB';"
        # Files never change, and each query that names them would read their ends again.
        "LOAD parquet; SET parquet_metadata_cache = true"
    )
    try:
        with _composing_fast():
            yield DuckDbEngine(connection)
    finally:
        connection.disconnect()


@contextmanager
def _composing_fast() -> Iterator[None]:
    """Save half of what composing and compiling expressions takes.

    DuckDB merges nested selects itself and plans them alike. And collections of garbage, which the many small objects set
    off, need not look at all that is imported by now.
    """
    fused, ibis.options.sql.fuse_selects = ibis.options.sql.fuse_selects, False
    is_frozen = gc.get_freeze_count() > 0  # by a server, for good
    gc.freeze()
    try:
        yield
    finally:
        if not is_frozen:
            gc.unfreeze()
        ibis.options.sql.fuse_selects = fused
