"""Expressions that every engine reads alike, for what they disagree on; the list of such things is in docs/decisions/0017."""

from datetime import UTC, datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir


def instant(moment: datetime) -> ir.TimestampScalar:
    """Return a moment that has a zone as expressions have it: in UTC and without one (see `Engine.table`)."""
    return ibis.literal(moment.astimezone(UTC).replace(tzinfo=None), "timestamp")


def milliseconds(moment: ir.TimestampValue) -> ir.IntegerValue:
    """Return whole milliseconds since 1970; engines disagree on the fractions of their own seconds."""
    return moment.truncate("s").epoch_seconds().cast("int64") * 1000 + moment.millisecond().cast("int64")


@ibis.udf.agg.builtin(signature=((dt.int64,), dt.int64))  # type: ignore[untyped-decorator]
def bit_or(bits: object) -> object:
    """Return the bits that any row of a group has; engines have it by this name, ibis not for all of them."""


@ibis.udf.scalar.builtin(signature=((dt.int64,), dt.int64))  # type: ignore[untyped-decorator]
def bit_count(bits: object) -> object:
    """Return how many bits are set, likewise."""


def first_of(values: ir.ArrayValue) -> ir.Value:
    """Return the first element, null where there is none (which is an error to Spark)."""
    return (values.length() > 0).ifelse(values[0], ibis.null(values.type().value_type))


def spread(lengths: ir.IntegerColumn) -> ir.FloatingScalar:
    """Return the standard deviation of the population over its mean, from whole sums, which no order of rows changes.

    Args:
        lengths: [n] above 0; of up to 1e5 values up to 1e6, sums of squares are exact.
    """
    number, total = lengths.count().cast("float64"), lengths.sum().cast("float64")
    squares = (lengths * lengths).sum().cast("float64")
    return (number * squares - total * total).clip(lower=0.0).sqrt() / total
