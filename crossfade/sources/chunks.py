"""What a reader yields: stretches of a file as columns, and the lines that it could not even cut into columns."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from crossfade.schema import columns as c
from crossfade.schema.tables import Table

REFUSED_SCHEMA: Final = pa.schema(
    [
        (c.SOURCE_ROW, pa.int64()),
        (c.REASON, pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        (c.RAW, pa.string()),
    ]
)


@dataclass(frozen=True)
class Chunk:
    """Rows of one canonical table as a file has them: not yet typed, checked or renamed.

    Args:
        table: The canonical table that the rows are for.
        rows: [n] columns of the canonical names or their aliases, of any type that the file has.
        source_rows: [n] int64, from 1: the line in a file of lines, else the row.
        typed: True where the format has types of its own (Parquet), so that text is no number.
        raw: Gives the rows at some places, as they stand in the file, as JSON texts; None where the columns say all of it.
        refused: Rows of `REFUSED_SCHEMA` that could not be cut into columns.
        derived: True for rows made from another table's rows, as the tracks that listens name; they repeat by nature.
        repaired: Lines that were not UTF-8 and were read as Windows-1252.
        ignored: Columns of the file that nothing reads.
    """

    table: Table
    rows: pa.Table
    source_rows: pa.Array
    typed: bool = False
    raw: Callable[[pa.Array], list[str]] | None = None
    refused: pa.Table = field(default_factory=REFUSED_SCHEMA.empty_table)
    derived: bool = False
    repaired: int = 0
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A kind of file that can be imported.

    Args:
        name: As the command line names it.
        summary: One line for people.
        tables: The canonical tables that it fills.
        read: Reads one file by chunks; raises InputError where the file as a whole cannot be used.
        endings: File names end with one of these; empty takes any file.
        latest: UTC seconds at which the source was collected: no true event is later. None knows no limit.
    """

    name: str
    summary: str
    tables: tuple[Table, ...]
    read: Callable[[Path], Iterator[Chunk]]
    endings: tuple[str, ...] = ()
    latest: int | None = None


def refusals(source_rows: pa.Array, reason: str, texts: pa.Array) -> pa.Table:
    """Return refused lines as a table of `REFUSED_SCHEMA`.

    Args:
        source_rows: [n] int64.
        reason: Why.
        texts: [n] strings, the lines.
    """
    same = [pa.repeat(pa.scalar(text, pa.string()), len(source_rows)) for text in (reason, "")]
    return pa.table(
        [source_rows, *same, texts, pa.array(lines_as_json(texts), pa.string())], schema=REFUSED_SCHEMA
    )


def lines_as_json(texts: pa.Array) -> list[str]:
    """Return lines [n] that are no JSON as JSON objects, for the quarantine."""
    return [json.dumps({"line": text}, ensure_ascii=False) for text in texts.to_pylist()]
