"""Single values of JSON objects: reached by their keys, and turned into columns whatever type each of them has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.types as pt

from crossfade.schema.tables import STRINGS
from crossfade.sources.casts import is_list

PLAIN: Final = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True)
class Field:
    """A value to read from each object: the keys that lead to it, and the canonical type that it will be cast to."""

    path: tuple[str, ...]
    kind: pa.DataType


Fields = Mapping[str, Field]


def arrow_kind(values: list[Any], target: pa.DataType) -> pa.DataType:
    """Return the Arrow type to read a field as: that of the first value, as far as its canonical type allows."""
    seen = [value for value in values if value is not None]
    if is_list(target):
        elements = [element for value in seen if isinstance(value, list) for element in value]
        inner = arrow_kind(elements, target.value_type)
        return (
            pa.list_(inner) if not seen or isinstance(seen[0], list) else arrow_kind(seen, target.value_type)
        )
    if not seen:
        return pa.string() if pt.is_temporal(target) else target
    if isinstance(seen[0], bool):
        return pa.bool_()
    if isinstance(seen[0], int | float):
        whole = all(isinstance(value, int) for value in seen) and not pt.is_floating(target)
        return pa.int64() if whole else pa.float64()
    return pa.string()


def object_of(text: str) -> dict[str, Any] | None:
    """Parse a line; None where it holds no object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def reached(found: Any, path: tuple[str, ...]) -> Any:
    """Follow keys into an object; None where they lead nowhere."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def fault(row: list[Any], listed: list[bool], fields: Fields) -> str | None:
    """Tell which field holds an object, or a list where a single value belongs."""
    for name, value, may_list in zip(fields, row, listed, strict=True):
        if type(value) in PLAIN or (may_list and type(value) is list and PLAIN.issuperset(map(type, value))):
            continue
        return f"{name} is an object or a list in a wrong place"
    return None


def column_of(values: Sequence[Any], target: pa.DataType) -> pa.Array:
    """Return JSON values as text, or as lists of texts."""
    if not is_list(target):
        return pa.array([_text(value) for value in values], pa.string())
    lists = [value if isinstance(value, list) or value is None else [value] for value in values]
    texts = [None if elements is None else [_text(each) for each in elements] for elements in lists]
    return pa.array(texts, STRINGS)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair cannot be stored
