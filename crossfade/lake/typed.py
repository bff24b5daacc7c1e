"""Gives rows the types of a schema, so that what an engine inferred and what a table holds can be put together."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.composing import composed


@composed
def typed(rows: ir.Table, schema: pa.Schema) -> ir.Table:
    """Return the columns of a schema, in its order and of its types; timestamps have no zone (see `Engine.table`)."""
    return rows.select(schema.names).cast(_kinds(schema))


@composed
def complete(rows: ir.Table, schema: pa.Schema) -> ir.Table:
    """Add the columns of a schema that rows lack, since their files are older than these; all are null."""
    absent = {name: ibis.null(kind) for name, kind in _kinds(schema).items() if name not in rows.columns}
    return rows.mutate(**absent) if absent else rows


def _kinds(schema: pa.Schema) -> dict[str, dt.DataType]:
    kinds = ibis.Schema.from_pyarrow(schema).items()
    return {name: dt.timestamp if kind.is_timestamp() else kind for name, kind in kinds}
