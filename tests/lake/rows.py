"""Rows of lake tables from short dicts, as ibis tables for the pure functions and as Arrow tables for a lake."""

from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.layout import bronze_schema
from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS, Table

START = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, object]


def minute(minutes: float) -> datetime:
    """Return a moment some minutes after midnight of 2026-01-01."""
    return START + timedelta(minutes=minutes)


def arrow(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Build a table; columns that a row leaves out are null."""
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in schema.names} for row in rows], schema=schema
    )


def table(rows: list[Row], schema: pa.Schema) -> ir.Table:
    """Like `arrow`, as an ibis table."""
    return ibis.memtable(arrow(rows, schema))


def bronze(rows: list[Row], of: Table = EVENTS) -> pa.Table:
    """Build bronze rows: each has its own row number; events are listens with the ids e0, e1, ... unless they say otherwise."""
    about = {c.SOURCE_FILE: "f", c.IMPORTED_AT: START}
    defaults = {c.EVENT_TYPE: "listen"} if of is EVENTS else {}
    numbered = [
        about | defaults | {c.SOURCE_ROW: number, c.EVENT_ID: f"e{number}"} | row
        for number, row in enumerate(rows)
    ]
    return arrow(numbered, bronze_schema(of))
