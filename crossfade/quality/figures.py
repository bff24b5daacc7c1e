"""Takes the figures that expectations are about: ibis expressions, so that any engine computes them.

Great Expectations then judges the figures and not the rows: its own DuckDB backend needs two private fixes
and scans a table again for nearly every expectation. One scan of the engine that the lake uses anyway, plus
one grouping for each key and reference, does for all of them, on one machine or on many.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.engine import Engine
from crossfade.quality.expected import Expected, Measure
from crossfade.schema import columns as c
from crossfade.schema.tables import EventType

Figures = dict[str, Any]

NEWEST_DAYS: Final = 7  # whole weeks, so that weekends do not matter


def figures(
    table: ir.Table, suite: Sequence[Expected], others: Mapping[str, ir.Table], session: Engine, now: datetime
) -> Figures:
    """Take the figures of a suite, and the number of rows.

    A figure of a column that the table lacks is left out: its expectations cannot be checked, and say so.

    Args:
        table: The table.
        suite: Its expectations.
        others: Tables that `Expected.reference` names.
        session: Computes.
        now: With a time zone.
    """
    possible = [expected for expected in suite if expected.column is None or expected.column in table.columns]
    found = {expected.figure: _scalar(table, expected, int(now.timestamp())) for expected in possible}
    at_once = {name: scalar for name, scalar in found.items() if scalar is not None}
    taken: Figures = session.rows(table.agg(**{str(Measure.ROWS): table.count(), **at_once})).to_pylist()[0]
    for expected in possible:
        alone = _alone(table, expected, others)
        if alone is not None:
            taken[expected.figure] = session.rows(alone).column(0)[0].as_py()
    return taken


def _scalar(table: ir.Table, expected: Expected, now: int) -> ir.Scalar | None:
    """Return a figure that one scan can take together with others, None for the rest."""
    if expected.column is None or expected.reference is not None:
        return None
    column = table[expected.column]
    match expected.measure:
        case Measure.SMALLEST:
            return column.min()
        case Measure.LARGEST:
            return column.max()
        case Measure.NULL_SHARE if expected.column == c.TIMESTAMP:
            # Events without any timestamps are a way of importing; with some, the others are a fault.
            return column.isnull().mean().nullif(1.0)
        case Measure.NULL_SHARE:
            return column.isnull().mean()
        case Measure.UNKNOWN_SHARE:
            return column.notin([str(kind) for kind in EventType]).mean()
        case Measure.SECONDS_AHEAD:
            return _seconds(column.max()) - now
        case Measure.DAYS_OLD:
            return (now - _seconds(column.max())) / 86_400
    return None


def _seconds(moment: ir.TimestampScalar) -> ir.IntegerScalar:
    """Return whole seconds since 1970; DuckDB's own function gives fractions where ibis promises integers."""
    return moment.truncate("s").epoch_seconds()


def _alone(table: ir.Table, expected: Expected, others: Mapping[str, ir.Table]) -> ir.Table | None:
    """Return the one figure of an expectation that needs a grouping of its own, as a table of one row."""
    if expected.measure is Measure.REPEATED:  # grouping can spill to disk, counting distinct values cannot
        counts = table.group_by(expected.column).agg(num_rows=table.count())
        return counts.agg(repeated=(counts.num_rows - 1).sum().fill_null(0))
    if expected.measure is Measure.USERS:
        return table.select(expected.column).distinct().agg(users=lambda users: users.count())
    if expected.reference is not None:
        return _unknown_share(table, others[expected.reference], str(expected.column))
    return None


def newest_rows(table: ir.Table) -> ir.Table:
    """Count the rows of the 7 days that end with the newest timestamp, as a table of one row; null without timestamps.

    A lake only grows, so its total hides a week in which little arrived; this does not.
    """
    moment = table[c.TIMESTAMP]
    newest = table.filter(moment > moment.max().as_scalar() - ibis.interval(days=NEWEST_DAYS))
    return newest.agg(newest_rows=newest.count().nullif(0))


def _unknown_share(table: ir.Table, other: ir.Table, key: str) -> ir.Table:
    """Return the share of rows whose key the other table lacks; rows without a key do not count."""
    keyed = table.filter(table[key].notnull())
    counts = keyed.group_by(key).agg(num_rows=keyed.count())
    theirs = other.select(key).distinct().mutate(is_known=True)
    paired = counts.left_join(theirs, key)
    unknown = paired.is_known.isnull().ifelse(paired.num_rows, 0).sum()
    return paired.agg(share=unknown / paired.num_rows.sum())
