"""Rows that break an expectation, a few of them, by what people find them by. Read only once a figure has failed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import ibis.expr.types as ir

from crossfade.lake.engine import Engine
from crossfade.lake.portable import milliseconds
from crossfade.quality.expected import Expected, Measure
from crossfade.schema.tables import EventType

NUM_EXAMPLES: Final = 3


def examples(
    table: ir.Table,
    expected: Expected,
    key: Sequence[str],
    others: Mapping[str, ir.Table],
    session: Engine,
    *,
    now: datetime,
) -> tuple[str, ...]:
    """Return up to `NUM_EXAMPLES` rows that break an expectation, the first by key; none where it is about a table as a whole.

    Args:
        table: The table.
        expected: What did not hold.
        key: Columns that tell rows apart.
        others: Tables that `Expected.reference` names.
        session: Computes: whatever the table's size, only these rows leave the engine.
        now: With a time zone.

    Returns:
        For example ("event_id=e7, played_share=1.5",).
    """
    if expected.column is None or expected.column not in table.columns:
        return ()
    broken = _broken(table, expected, others, int(now.timestamp()))
    if broken is None:
        return ()
    shown = [name for name in dict.fromkeys([*key, expected.column, "rows"]) if name in broken.columns]
    first = broken.select(shown).order_by(shown).limit(NUM_EXAMPLES)
    return tuple(_line(row) for row in session.rows(first).to_pylist())


def _broken(table: ir.Table, expected: Expected, others: Mapping[str, ir.Table], now: int) -> ir.Table | None:
    column = table[expected.column]
    match expected.measure:
        case Measure.NULL_SHARE:
            return table.filter(column.isnull())
        case Measure.SMALLEST:
            return table.filter(column < expected.at_least)
        case Measure.LARGEST:
            return table.filter(column > expected.at_most)
        case Measure.SECONDS_AHEAD:
            return table.filter(milliseconds(column) // 1000 - now > expected.at_most)
        case Measure.REPEATED:
            counts = table.group_by(expected.column).agg(rows=table.count())
            return counts.filter(counts.rows > 1)
        case Measure.UNKNOWN_SHARE if expected.reference is None:
            return table.filter(column.notin([str(kind) for kind in EventType]))
        case Measure.UNKNOWN_SHARE:
            return table.filter(column.notnull()).anti_join(others[str(expected.reference)], expected.column)
    return None


def _line(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in row.items())


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return value.isoformat() if isinstance(value, datetime) else str(value)
