"""What was refused at import, by reason."""

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.lake.lake import QUARANTINE, Lake
from crossfade.schema import columns as c
from crossfade.schema.tables import TABLES


class Refused(NamedTuple):
    """A reason for which rows of a table were refused, their number, and the first rows: source_file, source_row, raw."""

    table: str
    reason: str
    num_rows: int
    first_rows: list[dict[str, Any]]


def refused_rows(lake: Lake, max_rows: int) -> list[Refused]:
    """Return the reasons of every table, the most frequent first, with up to `max_rows` rows each."""
    return [
        Refused(name, reason, count, _first(lake, name, reason, max_rows))
        for name in TABLES
        if lake.has(QUARANTINE, name)
        for reason, count in _counts(lake, name)
    ]


def _counts(lake: Lake, name: str) -> list[tuple[str, int]]:
    reasons = lake.dataset(QUARANTINE, name).to_table(columns=[c.REASON])
    counts = reasons.group_by(c.REASON).aggregate([(c.REASON, "count")])
    counts = counts.sort_by([(f"{c.REASON}_count", "descending"), (c.REASON, "ascending")])
    return list(
        zip(counts.column(c.REASON).to_pylist(), counts.column(f"{c.REASON}_count").to_pylist(), strict=True)
    )


def _first(lake: Lake, name: str, reason: str, max_rows: int) -> list[dict[str, Any]]:
    if not max_rows:
        return []
    columns = [c.SOURCE_FILE, c.SOURCE_ROW, c.RAW]
    rows: pa.Table = lake.dataset(QUARANTINE, name).to_table(
        columns=columns, filter=pc.field(c.REASON) == reason
    )
    return list(
        rows.sort_by([(c.SOURCE_FILE, "ascending"), (c.SOURCE_ROW, "ascending")])
        .slice(0, max_rows)
        .to_pylist()
    )
