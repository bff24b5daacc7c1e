"""Which files a Delta table has: of an earlier version, as far as that is still there, and of some days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from crossfade.lake.days import UNTIMED, Days, days_between
from crossfade.schema.errors import NotFoundError

Span = tuple[date, date]
_CUT: Final = timedelta(milliseconds=1)  # the log keeps moments in whole milliseconds


def live_files(table: DeltaTable) -> list[Path]:
    """Return the Parquet files that hold a table's rows."""
    return [Path(unquote(uri)) for uri in table.file_uris()]


def files_of_days(table: DeltaTable, column: str, spans: Sequence[Span]) -> list[Path]:
    """Return the files that may hold rows of some days, by the least and greatest value that Delta's log keeps of each file.

    Those of which it keeps nothing are returned, too.

    Args:
        table: Not partitioned.
        column: Of moments or days.
        spans: First and last day of each stretch; rows without a value are of the day `UNTIMED`.
    """
    files = {file.name: file for file in live_files(table)}
    return [files[name] for name, known in _known(table, column) if known is None or _holds(known, spans)]


def earliest_files(table: DeltaTable, column: str) -> list[Path]:
    """Return the files of which one holds the least moment of a column, and those of which Delta's log does not say."""
    files = {file.name: file for file in live_files(table)}
    known = list(_known(table, column))
    firsts = [each.span[0] for _, each in known if each and each.span]
    first = min(firsts, default=date.max)
    return [files[name] for name, each in known if each is None or _holds(each, [(first, first)])]


def days_of_files(table: DeltaTable, column: str) -> Days | None:
    """Return the days from the first to the last of each file; None where the log does not say so of each."""
    found: set[date] = set()
    for _, known in _known(table, column):
        if known is None:
            return None
        found |= {UNTIMED} if known.has_untimed else set()
        found |= set(days_between(*known.span)) if known.span else set()
    return frozenset(found)


@dataclass(frozen=True)
class _Known:
    """What the log says of one column of one file."""

    span: Span | None
    has_untimed: bool


def _known(table: DeltaTable, column: str) -> Iterator[tuple[str, _Known | None]]:
    """Yield name and what is known of each file."""
    actions = pa.table(table.get_add_actions(flatten=True))
    names = ("num_records", f"min.{column}", f"max.{column}", f"null_count.{column}")
    none = pa.nulls(len(actions))
    columns = [actions.column(name) if name in actions.column_names else none for name in ("path", *names)]
    for path, number, least, most, num_nulls in zip(*(each.to_pylist() for each in columns), strict=True):
        if number is None or num_nulls is None or (least is None and num_nulls < number):
            yield Path(unquote(path)).name, None
        else:
            span = None if least is None else (_day(least), _day(most, _CUT))
            yield Path(unquote(path)).name, _Known(span, num_nulls > 0)


def _holds(known: _Known, spans: Sequence[Span]) -> bool:
    return any(
        known.has_untimed
        if first == UNTIMED
        else known.span is not None and first <= known.span[1] and known.span[0] <= last
        for first, last in spans
    )


def _day(moment: date, more: timedelta = timedelta()) -> date:
    return (moment + more).date() if isinstance(moment, datetime) else moment


def as_of(table: DeltaTable, version: int, name: str) -> DeltaTable:
    """Return a table as of an earlier version.

    Args:
        table: Its newest version; it is what is returned.
        version: From 0, below the newest.
        name: Of table and lake, for the error.

    Raises:
        NotFoundError: An erasure, a compaction or Delta itself has removed the version's files or its entry in the log.
    """
    newest = table.version()
    gone = NotFoundError(
        f"Version {version} of {name} is gone: an erasure or `crossfade lake compact` has removed it; read the newest, {newest}, "
        "and run again what was made from the older one."
    )
    try:
        table.load_as_version(version)
    except DeltaError as error:
        raise gone from error
    if not all(file.exists() for file in live_files(table)):
        raise gone
    return table
