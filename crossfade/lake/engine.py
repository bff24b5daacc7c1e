"""What computes the lake's transformations, which are ibis expressions that know no engine: DuckDB or Spark, beside this."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.lake import Lake

BATCH_ROWS: Final = 1 << 17
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

    def view(self, about: str, expression: ir.Table) -> ir.Table:
        """Return an expression under a name, still to be computed; equal ones get it once.

        What reads it is composed and compiled alike whatever days and files it asks for, so that a process which has refreshed a
        lake before need not do either again.

        Args:
            about: How the name begins; the second expression about the same has another name, and so on.
            expression: What it stands for.
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

    def aside(
        self, name: str, expression: ir.Table, schema: pa.Schema
    ) -> tuple[ir.Table, pa.RecordBatchReader] | None:
        """Compute an expression as `kept` does, and return with it a stream of its rows, in its order, for another thread.

        None, and nothing is computed, where nothing is gained by a thread that writes while this one goes on.
        """

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
