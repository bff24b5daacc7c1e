"""One expectation: a figure of a table, what is allowed of it, and what to do when it does not hold."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import pyarrow as pa

AS_EXPECTED: Final = "as in the schema"


class Measure(StrEnum):
    """What is measured; the names are those of the figures."""

    TYPES = "types"
    ROWS = "rows"
    NEWEST_ROWS = "rows of the newest 7 days"
    USERS = "users"
    SMALLEST = "smallest"
    LARGEST = "largest"
    NULL_SHARE = "null share"
    REPEATED = "repeated"
    UNKNOWN_SHARE = "unknown share"
    SECONDS_AHEAD = "seconds ahead"
    DAYS_OLD = "days old"
    QUARANTINED_SHARE = "quarantined share"


UNITS: Final = MappingProxyType(
    {
        Measure.ROWS: "rows",
        Measure.NEWEST_ROWS: "rows",
        Measure.USERS: "users",
        Measure.NULL_SHARE: "of the rows",
        Measure.REPEATED: "rows",
        Measure.UNKNOWN_SHARE: "of the rows",
        Measure.SECONDS_AHEAD: "seconds",
        Measure.DAYS_OLD: "days",
        Measure.QUARANTINED_SHARE: "of the rows",
    }
)


@dataclass(frozen=True)
class Expected:
    """One expectation of one figure.

    Args:
        name: In words.
        measure: What is measured.
        column: The column it is about, None for the table as a whole.
        at_least: Smallest figure allowed, None for any.
        at_most: Largest figure allowed, None for any.
        only: The only texts allowed.
        reference: The table that must know the column's values, for example "silver/artists".
        mend: What to do when it does not hold.
    """

    name: str
    measure: Measure
    mend: str
    column: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    only: tuple[str, ...] = ()
    reference: str | None = None

    @property
    def figure(self) -> str:
        """The figure's name, for example "unknown share track_id in bronze/tracks"."""
        of = f" {self.column}" if self.column else ""
        return f"{self.measure}{of}" + (f" in {self.reference}" if self.reference else "")

    @property
    def limit(self) -> str:
        """What is allowed, in words."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        words = " and ".join(f"{word} {bound:,.10g}" for word, bound in bounds if bound is not None)
        return f"{words} {UNITS.get(self.measure, '')}".strip() if words else ", ".join(self.only)


def typed(mend: str) -> Expected:
    """Expect all columns of the table's schema, with their types."""
    return Expected("columns have their types", Measure.TYPES, mend, only=(AS_EXPECTED,))


def type_faults(got: pa.Schema, wanted: pa.Schema) -> str:
    """Return in words which columns are missing or of another type, `AS_EXPECTED` when none is."""
    faults = [
        f"{field.name} is {_type_name(got.field(field.name).type) if field.name in got.names else 'missing'}"
        f" instead of {_type_name(field.type)}"
        for field in wanted
        if field.name not in got.names or _type_name(got.field(field.name).type) != _type_name(field.type)
    ]
    return "; ".join(faults) or AS_EXPECTED


def _type_name(kind: pa.DataType) -> str:
    """Return a type's name, without the names that Arrow and Delta give to the elements of lists."""
    return f"list<{_type_name(kind.value_type)}>" if pa.types.is_list(kind) else str(kind)


def not_null(column: str, mend: str) -> Expected:
    """Expect a value in every row."""
    return Expected(f"{column} is never missing", Measure.NULL_SHARE, mend, column, at_most=0)


def unique(column: str, mend: str) -> Expected:
    """Expect no value twice."""
    return Expected(f"{column} is unique", Measure.REPEATED, mend, column, at_most=0)


def between(column: str, at_least: float, at_most: float | None, mend: str) -> list[Expected]:
    """Expect values in a range; missing values do not count."""
    lower = Expected(f"{column} >= {at_least:g}", Measure.SMALLEST, mend, column, at_least=at_least)
    if at_most is None:
        return [lower]
    return [lower, Expected(f"{column} <= {at_most:g}", Measure.LARGEST, mend, column, at_most=at_most)]


def known(column: str, reference: str, at_most: float, mend: str) -> Expected:
    """Expect another table to know a column's values, but for a share of the rows."""
    name = f"{column} is in {reference}"
    return Expected(name, Measure.UNKNOWN_SHARE, mend, column, at_most=at_most, reference=reference)
