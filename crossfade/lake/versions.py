"""Which files a Delta table has: of an earlier version, as far as that is still there, and of some days."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from crossfade.lake.days import UNTIMED
from crossfade.schema.errors import NotFoundError

Span = tuple[date, date]
Chosen = Callable[[DeltaTable], list[Path]]
_CUT: Final = timedelta(milliseconds=1)  # the log keeps moments in whole milliseconds


def live_files(table: DeltaTable) -> list[Path]:
    """Return the Parquet files that hold a table's rows."""
    return [Path(unquote(uri)) for uri in table.file_uris()]


def files_of_days(column: str, spans: Iterable[Span]) -> Chosen:
    """Choose the files that may hold rows of some days, by the least and greatest value that Delta's log keeps of each file.

    Those of which it keeps nothing are chosen, too.

    Args:
        column: Of moments or days.
        spans: First and last day of each stretch; rows without a value are of the day `UNTIMED`.
    """
    return partial(_files_of_days, column, tuple(spans))


def _files_of_days(column: str, spans: Sequence[Span], table: DeltaTable) -> list[Path]:
    actions = pa.table(table.get_add_actions(flatten=True))
    names = (f"min.{column}", f"max.{column}", f"null_count.{column}")
    if not set(names) <= set(actions.column_names):
        return live_files(table)
    root = live_files(table)[0].parent if len(actions) else Path()
    about = zip(*(actions.column(name).to_pylist() for name in ("path", "num_records", *names)), strict=True)
    return [root / unquote(path) for path, *known in about if _may_hold(spans, *known)]


def _may_hold(
    spans: Iterable[Span],
    number: int | None,
    least: date | None,
    most: date | None,
    num_nulls: int | None,
) -> bool:
    if number is None or num_nulls is None or ((least is None or most is None) and num_nulls < number):
        return True
    first, last = _day(least), _day(most, _CUT)
    return any(
        num_nulls > 0 if start == UNTIMED else first is not None and last is not None and start <= last and first <= end
        for start, end in spans
    )  # fmt: skip


def _day(moment: date | None, more: timedelta = timedelta()) -> date | None:
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
