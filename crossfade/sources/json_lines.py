"""Reads JSON Lines into flat columns: whole blocks at once, and line by line only where a block is not regular."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.types as pt

from crossfade.schema.tables import Table
from crossfade.sources.casts import is_list
from crossfade.sources.chunks import REFUSED_SCHEMA, Chunk, refusals
from crossfade.sources.files import line_blocks
from crossfade.sources.text import decoded, lines

PEEKED_LINES: Final = 100
SINGLE_LINES: Final = (
    512  # an irregular block is halved down to this many lines, which are then read one by one
)
NOT_JSON: Final = "line is not a JSON object"


@dataclass(frozen=True)
class Field:
    """A value to read from each object: the keys that lead to it, and the canonical type that it will be cast to."""

    path: tuple[str, ...]
    kind: pa.DataType


Fields = Mapping[str, Field]


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
    """

    columns: pa.Table
    source_rows: pa.Array
    texts: pa.Array
    refused: pa.Table
    repaired: int
    keys: frozenset[str]

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
        yield from _parts(texts.filter(filled), numbers.filter(filled), fields, repaired)


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


def _parts(texts: pa.Array, numbers: pa.Array, fields: Fields, repaired: int) -> Iterator[Objects]:
    peeked = [found for found in map(_object, texts.slice(0, PEEKED_LINES).to_pylist()) if found is not None]
    keys = frozenset(key for found in peeked for key in found)
    columns = _columns(texts, fields, peeked)
    if columns is not None:
        yield Objects(columns, numbers, texts, REFUSED_SCHEMA.empty_table(), repaired, keys)
    elif len(texts) > SINGLE_LINES:
        middle = len(texts) // 2
        yield from _parts(texts.slice(0, middle), numbers.slice(0, middle), fields, repaired)
        yield from _parts(texts.slice(middle), numbers.slice(middle), fields, 0)
    else:
        yield _one_by_one(texts, numbers, fields, repaired)


def _columns(texts: pa.Array, fields: Fields, peeked: list[dict[str, Any]]) -> pa.Table | None:
    """Parse lines at once; None where they do not all have the types of the first ones."""
    shape: dict[str, Any] = {}
    for wanted in fields.values():
        level = shape
        for key in wanted.path[:-1]:
            level = level.setdefault(key, {})
        level[wanted.path[-1]] = _kind([_reached(found, wanted.path) for found in peeked], wanted.kind)
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(texts)], texts), "\n")[0].as_buffer()
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(whole),
            pyarrow.json.ReadOptions(use_threads=False, block_size=max(whole.size, 1) + 1),
            pyarrow.json.ParseOptions(
                explicit_schema=pa.schema(_struct(shape)), unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowInvalid:
        return None
    return (
        pa.table({name: _leaf(table, wanted.path) for name, wanted in fields.items()})
        if len(table) == len(texts)
        else None
    )


def _struct(shape: dict[str, Any]) -> list[pa.Field]:
    kinds = {key: pa.struct(_struct(kind)) if isinstance(kind, dict) else kind for key, kind in shape.items()}
    return [pa.field(key, kind) for key, kind in kinds.items()]


def _leaf(table: pa.Table, path: tuple[str, ...]) -> pa.Array:
    column = table.column(path[0]).combine_chunks()
    return pc.struct_field(column, list(path[1:])) if len(path) > 1 else column


def _kind(values: list[Any], target: pa.DataType) -> pa.DataType:
    """Return the Arrow type to read a field as: that of the first value, as far as its canonical type allows."""
    seen = [value for value in values if value is not None]
    if is_list(target):
        elements = [element for value in seen if isinstance(value, list) for element in value]
        inner = _kind(elements, target.value_type)
        return pa.list_(inner) if not seen or isinstance(seen[0], list) else _kind(seen, target.value_type)
    if not seen:
        return pa.string() if pt.is_temporal(target) else target
    if isinstance(seen[0], bool):
        return pa.bool_()
    if isinstance(seen[0], int | float):
        whole = all(isinstance(value, int) for value in seen) and not pt.is_floating(target)
        return pa.int64() if whole else pa.float64()
    return pa.string()


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _reached(found: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _one_by_one(texts: pa.Array, numbers: pa.Array, fields: Fields, repaired: int) -> Objects:
    found = [_object(text) for text in texts.to_pylist()]
    reasons = pa.array([_fault(each, fields) for each in found], pa.string())
    good = [
        each
        for each, reason in zip(found, reasons.to_pylist(), strict=True)
        if each is not None and reason is None
    ]
    columns = {
        name: _column([_reached(each, wanted.path) for each in good], wanted.kind)
        for name, wanted in fields.items()
    }
    refused = [REFUSED_SCHEMA.empty_table()]
    for reason in pc.unique(reasons.drop_null()).to_pylist():
        same = pc.fill_null(pc.equal(reasons, reason), False)
        refused.append(refusals(numbers.filter(same), reason, texts.filter(same)))
    kept = pc.is_null(reasons)
    keys = frozenset(key for each in good for key in each)
    return Objects(
        pa.table(columns), numbers.filter(kept), texts.filter(kept), pa.concat_tables(refused), repaired, keys
    )


def _fault(found: dict[str, Any] | None, fields: Fields) -> str | None:
    """Tell why a line is refused: it is no object, or holds one, or a list, where a single value belongs."""
    if found is None:
        return NOT_JSON
    for name, wanted in fields.items():
        value = _reached(found, wanted.path)
        elements = value if isinstance(value, list) and is_list(wanted.kind) else [value]
        if any(isinstance(each, dict | list) for each in elements):
            return f"{name} is an object or a list in a wrong place"
    return None


def _column(values: list[Any], target: pa.DataType) -> pa.Array:
    """Return JSON values as text, or as lists of texts."""
    if not is_list(target):
        return pa.array([_text(value) for value in values], pa.string())
    lists = [value if isinstance(value, list) or value is None else [value] for value in values]
    return pa.array(
        [None if elements is None else [_text(each) for each in elements] for elements in lists],
        pa.list_(pa.string()),
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair cannot be stored
