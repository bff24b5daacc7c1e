"""What computes the lake's transformations, which are ibis expressions that know no engine; DuckDB here, Spark beside it."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType

from crossfade.lake.lake import Lake
from crossfade.schema.tables import TIMESTAMP_TYPE

BATCH_ROWS: Final = 1 << 17
KIB_PER_GIB: Final = 1 << 20
FEW_GIB: Final = 2.0
Keep = Callable[[str, ir.Table], ir.Table]  # see `Engine.kept`


class Engine(Protocol):
    """One session of an engine. All engines give the same rows for the same expression and files."""

    def table(self, files: Sequence[Path], schema: pa.Schema) -> ir.Table:
        """Return Parquet files as one expression, read lazily; without files it has no rows.

        Timestamps are UTC and have no zone: expressions need not name one, and DuckDB is fast at them.

        Args:
            files: Of one Delta table (`Lake.files`) or of the caller's own; older ones may lack columns that were added since.
            schema: Their columns.
        """

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression now and keep its rows under a name, so that several others can read them; once for each name."""

    def count(self, expression: ir.Table) -> int:
        """Return the number of rows."""

    def counts(self, *expressions: ir.Table) -> list[int]:
        """Return the numbers of rows of several, found at once."""

    def rows(self, expression: ir.Table) -> pa.Table:
        """Compute an expression whole; for few rows. Timestamps have the zone UTC, as in files."""

    def batches(self, expression: ir.Table, schema: pa.Schema) -> pa.RecordBatchReader:
        """Compute an expression as a stream of batches of the given Arrow schema."""

    def overwrite(
        self,
        lake: Lake,
        table: str,
        expression: ir.Table,
        schema: pa.Schema,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Compute an expression and replace a table's rows by its own, as one commit (see `Lake.overwrite`).

        Args:
            lake: With its writer lock held.
            table: "layer/name".
            expression: Has the schema's columns.
            schema: The table's columns.
            about: Kept in the commit.
        """


class DuckDbEngine:
    """One DuckDB session: one machine, spilling to disk."""

    def __init__(self, connection: ibis.BaseBackend) -> None:
        self._connection = connection
        self._kept: dict[str, ir.Table] = {}
        self._tables: dict[tuple[str, ...], ir.Table] = {}
        self._num_empty = self._num_laid_out = 0

    def table(self, files: Sequence[Path], schema: pa.Schema) -> ir.Table:
        """See `Engine.table`."""
        if not files:
            return self._empty(schema)
        paths = tuple(map(str, files))
        if paths not in self._tables:  # files never change
            self._tables[paths] = self._view(self._connection.read_parquet(paths, union_by_name=True))
        return self._tables[paths]

    def _view(self, rows: ir.Table) -> ir.Table:
        """Return a view whose timestamps are UTC without a zone.

        DuckDB asks a calendar for each value that has one, at forty times the cost. The view is written by hand, since ibis
        takes longer for it, and expressions stay short.
        """
        name, schema = f"crossfade_{len(self._tables)}", rows.schema()
        zoned = [each for each, kind in schema.items() if _is_zoned(kind)]
        moments = ", ".join(f'make_timestamp(epoch_us("{each}")) AS "{each}"' for each in zoned)
        listed = f"* REPLACE ({moments})" if zoned else "*"
        self._connection.raw_sql(f'CREATE TEMP VIEW "{name}" AS SELECT {listed} FROM "{rows.get_name()}"')
        kinds = {each: dt.timestamp if each in zoned else kind for each, kind in schema.items()}
        view: ir.Table = ops.DatabaseTable(name, ibis.schema(kinds), self._connection).to_expr()
        return view

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.kept`."""
        if name not in self._kept:
            table = self._made(name, expression.schema())
            self._connection.raw_sql(f'INSERT INTO "{name}" {self._sql(expression)}')
            self._kept[name] = table
        return self._kept[name]

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
        self._num_laid_out += 1
        name = f"laid_out_{self._num_laid_out}"
        return pa.RecordBatchReader.from_batches(schema, self._streamed(self.kept(name, rows), schema, name))

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
        self._num_empty += 1
        return self._made(f"empty_{self._num_empty}", ibis.schema(schema))

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


def all_counts(expressions: Sequence[ir.Table]) -> ir.Table:
    """Return one row for each expression: its place and its number of rows, as `num_rows`."""
    counts = [
        rows.agg(num_rows=rows.count()).mutate(place=ibis.literal(place))
        for place, rows in enumerate(expressions)
    ]
    return ibis.union(*counts)


def told_counts(found: pa.Table) -> list[int]:
    """Return the numbers of `all_counts`, in the order of the expressions."""
    return [int(number) for number in found.sort_by("place").column("num_rows").to_pylist()]


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
