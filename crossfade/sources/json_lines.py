"""Reads JSON Lines into flat columns: whole blocks at once, and line by line only where a block is not regular."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from crossfade.schema.tables import STRINGS, Table
from crossfade.sources.casts import accepts, cast, is_list
from crossfade.sources.chunks import REFUSED_SCHEMA, Chunk, refusals
from crossfade.sources.files import line_blocks
from crossfade.sources.json_values import Fields, arrow_kind, column_of, fault, object_of, reached
from crossfade.sources.text import decoded, lines

PEEKED_LINES: Final = 100
# An irregular stretch is cut into this many parts, down to this many lines, which are then read one by one.
NUM_SPLITS: Final = 16
SINGLE_LINES: Final = 512
NOT_JSON: Final = "line is not a JSON object"


@dataclass(frozen=True)
class Objects:
    """A stretch of a file of JSON Lines.

    Args:
        columns: [n] one column per field, of the JSON type if all lines agree on it, else text; null where a line has none.
        source_rows: [n] int64 line numbers.
        texts: [n] strings, the lines.
        refused: Lines that hold no object, or hold one inside where a value belongs.
        repaired: Lines that were not UTF-8.
        keys: Top-level keys of the first lines.
        has_others: [n] bool, whether a line has a top-level key, other than null, that no field reads; only told if asked for.
    """

    columns: pa.Table
    source_rows: pa.Array
    texts: pa.Array
    refused: pa.Table
    repaired: int
    keys: frozenset[str]
    has_others: pa.Array

    def raw(self, places: pa.Array) -> list[str]:
        """Return the lines at some places."""
        return list(self.texts.take(places).to_pylist())


def objects(path: Path, fields: Fields) -> Iterator[Objects]:
    """Read the fields of every object of a file of JSON Lines (gzip or not); blank lines are passed over.

    Raises:
        InputError: The file cannot be read to its end.
    """
    first = 1
    for block in line_blocks(path):
        texts, repaired = decoded(lines(block))
        numbers = pa.array(np.arange(first, first + len(texts)))
        first += len(texts)
        filled = pc.greater(pc.binary_length(pc.utf8_trim_whitespace(texts)), 0)
        yield _whole(list(_parts(texts.filter(filled), numbers.filter(filled), fields, repaired)))


def parsed(texts: pa.Array, numbers: pa.Array, fields: Fields, repaired: int = 0) -> Objects:
    """Read the fields of texts that hold one object each, and tell which hold more than these fields.

    Args:
        texts: [n] strings, none of them blank or with a line feed.
        numbers: [n] int64, what to call them by.
        fields: What to read.
        repaired: How many were not UTF-8.
    """
    found = _whole(list(_parts(texts, numbers, fields, repaired, others="infer")))
    kinds = {field.name: field.type for field in found.columns.schema}
    if all(accepts(kinds[name], wanted.kind, typed=False) for name, wanted in fields.items()):
        return found
    # A file with such a column is refused as a whole; here each text is to be judged by itself.
    return _one_by_one(texts, numbers, fields, repaired)


def json_chunks(path: Path, table: Table, fields: Fields) -> Iterator[Chunk]:
    """Read a canonical table whose fields are top-level keys; columns that a stretch never names are left out."""
    known = False
    for part in objects(path, fields):
        columns = part.columns
        # Later stretches may leave out a required column in every line: those lines are then refused, not the file.
        kept = set(table.required) if known else part.keys
        empty = [
            name
            for name in columns.column_names
            if columns.column(name).null_count == len(columns) and name not in kept
        ]
        known = known or len(columns) > 0
        ignored = tuple(sorted(part.keys - set(fields)))
        yield Chunk(
            table,
            columns.drop_columns(empty),
            part.source_rows,
            raw=part.raw,
            refused=part.refused,
            repaired=part.repaired,
            ignored=ignored,
        )


def _parts(
    texts: pa.Array, numbers: pa.Array, fields: Fields, repaired: int, *, others: str = "ignore"
) -> Iterator[Objects]:
    """Yield lines as parts within which all lines have the same types, or were read one by one."""
    peeked = [each for each in map(object_of, texts.slice(0, PEEKED_LINES).to_pylist()) if each is not None]
    keys = frozenset(key for each in peeked for key in each)
    found = _columns(texts, fields, peeked, others)
    if found is not None:
        columns, has_others = found
        yield Objects(columns, numbers, texts, REFUSED_SCHEMA.empty_table(), repaired, keys, has_others)
    elif len(texts) <= SINGLE_LINES:
        yield _one_by_one(texts, numbers, fields, repaired)
    else:
        length = -(-len(texts) // NUM_SPLITS)
        for start in range(0, len(texts), length):
            part = (texts.slice(start, length), numbers.slice(start, length))
            yield from _parts(*part, fields, 0 if start else repaired, others=others)


def _whole(parts: list[Objects]) -> Objects:
    """Put parts together; a column that they read as different types becomes text."""
    if len(parts) == 1:
        return parts[0]
    names = parts[0].columns.column_names
    return Objects(
        pa.table(
            {name: _joined([part.columns.column(name).combine_chunks() for part in parts]) for name in names}
        ),
        pa.concat_arrays([part.source_rows for part in parts]),
        pa.concat_arrays([part.texts for part in parts]),
        pa.concat_tables([part.refused for part in parts]),
        sum(part.repaired for part in parts),
        frozenset().union(*(part.keys for part in parts)),
        pa.concat_arrays([part.has_others for part in parts]),
    )


def _joined(columns: list[pa.Array]) -> pa.Array:
    kinds = {column.type for column in columns}
    if len(kinds) > 1:
        target = STRINGS if any(is_list(kind) for kind in kinds) else pa.string()
        columns = [cast(column, target)[0] for column in columns]
    return pa.concat_arrays(columns)


def _columns(
    texts: pa.Array, fields: Fields, peeked: list[dict[str, Any]], others: str
) -> tuple[pa.Table, pa.Array] | None:
    """Parse lines at once, and tell which have keys that no field reads; None where they lack the types of the first ones."""
    shape: dict[str, Any] = {}
    for wanted in fields.values():
        level = shape
        for key in wanted.path[:-1]:
            level = level.setdefault(key, {})
        level[wanted.path[-1]] = arrow_kind([reached(found, wanted.path) for found in peeked], wanted.kind)
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(texts)], texts), "\n")[0].as_buffer()
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(whole),
            pyarrow.json.ReadOptions(use_threads=False, block_size=max(whole.size, 1) + 1),
            pyarrow.json.ParseOptions(
                explicit_schema=pa.schema(_struct(shape)), unexpected_field_behavior=others
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(table) != len(texts):
        return None
    has_others = pa.repeat(pa.scalar(False), len(table))
    for name in set(table.column_names) - set(shape):
        has_others = pc.or_(has_others, pc.is_valid(table.column(name).combine_chunks()))
    return pa.table({name: _leaf(table, wanted.path) for name, wanted in fields.items()}), has_others


def _struct(shape: dict[str, Any]) -> list[pa.Field]:
    kinds = {key: pa.struct(_struct(kind)) if isinstance(kind, dict) else kind for key, kind in shape.items()}
    return [pa.field(key, kind) for key, kind in kinds.items()]


def _leaf(table: pa.Table, path: tuple[str, ...]) -> pa.Array:
    column = table.column(path[0]).combine_chunks()
    return pc.struct_field(column, list(path[1:])) if len(path) > 1 else column


def _one_by_one(texts: pa.Array, numbers: pa.Array, fields: Fields, repaired: int) -> Objects:
    found = [object_of(text) for text in texts.to_pylist()]
    rows = [
        None if each is None else [reached(each, wanted.path) for wanted in fields.values()] for each in found
    ]
    listed = [is_list(wanted.kind) for wanted in fields.values()]
    reasons = [NOT_JSON if row is None else fault(row, listed, fields) for row in rows]
    good = [row for row, reason in zip(rows, reasons, strict=True) if row is not None and reason is None]
    values = zip(*good, strict=True) if good else [()] * len(fields)
    columns = [column_of(column, wanted.kind) for column, wanted in zip(values, fields.values(), strict=True)]
    because = pa.array(reasons, pa.string())
    refused = [REFUSED_SCHEMA.empty_table()]
    for reason in pc.unique(because.drop_null()).to_pylist():
        same = pc.fill_null(pc.equal(because, reason), False)
        refused.append(refusals(numbers.filter(same), reason, texts.filter(same)))
    kept = pc.is_null(because)
    keys = frozenset(key for each in found for key in each or ())
    table = pa.table(columns, names=list(fields))
    tops = {wanted.path[0] for wanted in fields.values()}
    has_others = pa.array(
        [any(value is not None and key not in tops for key, value in (each or {}).items()) for each in found]
    )
    return Objects(
        table,
        numbers.filter(kept),
        texts.filter(kept),
        pa.concat_tables(refused),
        repaired,
        keys,
        has_others.cast(pa.bool_()).filter(kept),
    )
