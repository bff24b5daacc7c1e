"""Writes updates of tables behind the back of what is made from them, which reads what an engine keeps of the rows."""

from typing import Final

import ibis.expr.types as ir

from crossfade.lake.changes import REPLACED
from crossfade.lake.days import as_note, predicate
from crossfade.lake.making import Making, Update, schema_of
from crossfade.schema import columns as c

DAYS_BEHIND: Final = 7  # more are not kept, but written as they are computed


def replace_days(making: Making, table: str, update: Update, time: str) -> None:
    """Replace the days of an update in one commit.

    Args:
        making: The making of the table.
        table: "layer/name".
        update: With days.
        time: The column that has a row's day, or its moment, in whose order rows are written.
    """
    layer, _, name = table.partition("/")
    schema, session = schema_of(table), making.session
    rows = update.rows.order_by(time)
    where = predicate(update.days, time, is_date=time == c.DAY)
    about = making.notes | {REPLACED: as_note(update.days)}
    is_few = len(update.days) <= DAYS_BEHIND
    if is_few and (found := session.aside(f"{layer}_{name}_written", rows, schema)):
        kept, aside = found
        making.lake.write_behind(
            table, update.days, kept, lambda lake: lake.replace(layer, name, aside, where, about)
        )
    else:
        making.lake.replace(layer, name, session.batches(rows, schema), where, about)


def replace_all(making: Making, table: str, rows: ir.Table) -> None:
    """Replace all rows of a table that an update had to name, in one commit; arguments as in `replace_days`."""
    layer, _, name = table.partition("/")
    schema, session = schema_of(table), making.session
    if found := session.aside(f"{layer}_{name}_written", rows, schema):
        kept, aside = found
        making.lake.write_behind(
            table, None, kept, lambda lake: lake.overwrite(layer, name, aside, making.notes)
        )
    else:
        session.overwrite(making.lake, table, rows, schema, making.notes)
