"""Gives rows the types of a schema, so that what an engine inferred and what a table holds can be put together."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa


def typed(rows: ir.Table, schema: pa.Schema) -> ir.Table:
    """Return the columns of a schema, in its order and of its types."""
    return rows.select(schema.names).cast(dict(ibis.Schema.from_pyarrow(schema)))
