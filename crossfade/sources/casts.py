"""Casts of columns, whatever type a file gave them, to the canonical types; what cannot be read becomes null.

Whole columns are cast at once. Only when that fails is a column halved until the offending values stand alone.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from crossfade.schema.tables import TIMESTAMP_TYPE
from crossfade.sources.text import null_if_blank

# Numbers below the first bound are seconds since 1970, below the second milliseconds, then microseconds, then nanoseconds.
EPOCH_BOUNDS: Final = (1e11, 1e14, 1e17)
MICROSECONDS: Final = (1e6, 1e3, 1.0, 1e-3)
LATEST_US: Final = 253_402_300_799_000_000  # the end of the year 9999

_ZONED: Final = r"^[^Tt ]+[Tt ].*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)$"
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_YEAR: Final = r"^\d{4}$"
_MONTH: Final = r"^\d{4}-\d{2}$"


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type holds strings."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def is_list(kind: pa.DataType) -> bool:
    """Return whether a type holds lists."""
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def accepts(kind: pa.DataType, target: pa.DataType, *, typed: bool) -> bool:
    """Return whether a file's column can hold values of a canonical type at all.

    Args:
        kind: The column's type in the file.
        target: The canonical type.
        typed: True where the format has types of its own (Parquet): then text is no number and no truth value.
    """
    if pt.is_null(kind):
        return True
    if pt.is_dictionary(kind):
        return accepts(kind.value_type, target, typed=typed)
    if is_list(target):
        return accepts(kind.value_type if is_list(kind) else kind, target.value_type, typed=typed)
    is_time = pt.is_timestamp(kind) or pt.is_date(kind)
    is_number = pt.is_integer(kind) or pt.is_floating(kind)
    if pt.is_string(target):
        return is_text(kind) or bool(pt.is_integer(kind))
    if pt.is_timestamp(target):
        return is_text(kind) or is_number or is_time
    if pt.is_date(target):
        return is_text(kind) or is_time or bool(pt.is_integer(kind))
    if pt.is_boolean(target):
        return bool(pt.is_boolean(kind) or pt.is_integer(kind) or (is_text(kind) and not typed))
    return bool(is_number or (is_text(kind) and not typed))


def cast(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    """Cast a column [n] whose type is accepted.

    Empty text and NaN count as missing.

    Returns:
        [n] of the canonical type, and [n] bool where a value was there but could not be read (None: nowhere).
    """
    given = _plain(values)
    result = _cast_lists(given, target) if is_list(target) else _cast_scalars(given, target)
    if result.null_count == given.null_count:
        return result, None
    return result, pc.and_(pc.is_valid(given), pc.is_null(result))


def _plain(values: pa.Array) -> pa.Array:
    """Return a column without dictionary, with nulls for NaN and empty text."""
    if pt.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if is_text(values.type):
        return null_if_blank(values.cast(pa.string()))
    if pt.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), None, values)
    return values


def _cast_scalars(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pt.is_null(values.type):
        return pa.nulls(len(values), target)
    if pt.is_string(target):
        return values.cast(target)
    text = is_text(values.type)
    if text:
        values = pc.utf8_trim_whitespace(values)
    if pt.is_timestamp(target):
        return _timestamps_of_text(values) if text else _timestamps(values)
    if pt.is_date(target):
        return _dates(values)
    if pt.is_integer(target):
        return _whole_numbers(values, target)
    if pt.is_floating(target):
        numbers = _halved(values, target, lambda part: part.cast(target))
        return pc.if_else(pc.is_finite(numbers), numbers, None)
    return _truths(values)


def _halved(values: pa.Array, target: pa.DataType, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Convert a column [n], with null where that fails."""
    try:
        return convert(values)
    except pa.ArrowInvalid:
        if len(values) == 1:
            return pa.nulls(1, target)
        middle = len(values) // 2
        halves = (values.slice(0, middle), values.slice(middle))
        return pa.concat_arrays([_halved(half, target, convert) for half in halves])


def _whole_numbers(values: pa.Array, target: pa.DataType) -> pa.Array:
    def convert(part: pa.Array) -> pa.Array:
        if pt.is_integer(part.type):
            return part.cast(target)
        return pc.round(part.cast(pa.float64())).cast(target)

    if is_text(values.type):
        whole = _halved(values, pa.int64(), lambda part: part.cast(pa.int64()))
        values = whole if whole.null_count == values.null_count else values
    return _halved(values, target, convert)


def _truths(values: pa.Array) -> pa.Array:
    if pt.is_integer(values.type):
        return pc.if_else(pc.is_in(values, pa.array([0, 1], values.type)), pc.equal(values, 1), None)
    return _halved(values, pa.bool_(), lambda part: part.cast(pa.bool_()))


def _timestamps(values: pa.Array) -> pa.Array:
    if pt.is_integer(values.type) or pt.is_floating(values.type):
        return _epochs(values)
    if pt.is_timestamp(values.type) and values.type.tz is not None:
        return values.cast(TIMESTAMP_TYPE, safe=False)
    return pc.assume_timezone(values.cast(pa.timestamp("us"), safe=False), TIMESTAMP_TYPE.tz)


def _epochs(values: pa.Array) -> pa.Array:
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    scale = np.array(MICROSECONDS)[np.searchsorted(EPOCH_BOUNDS, np.abs(numbers), side="right")]
    with np.errstate(invalid="ignore", over="ignore"):
        microseconds = np.rint(numbers * scale)
        readable = np.abs(microseconds) <= LATEST_US
    whole = np.where(readable, microseconds, 0).astype(np.int64)
    return pa.array(whole, pa.int64(), mask=~readable).cast(TIMESTAMP_TYPE)


def _timestamps_of_text(values: pa.Array) -> pa.Array:
    """Read ISO 8601 text, with its zone or in UTC if it names none, and numbers since 1970."""
    try:
        return values.cast(TIMESTAMP_TYPE)  # what services send: ISO 8601 with a zone throughout
    except pa.ArrowInvalid:
        return _timestamps_of_mixed_text(values)


def _timestamps_of_mixed_text(values: pa.Array) -> pa.Array:
    naive_type = pa.timestamp("us")
    zoned = pc.match_substring_regex(values, _ZONED)
    number = pc.match_substring_regex(values, _NUMBER)
    values = pc.replace_substring_regex(values, r"(\.\d{6})\d+", r"\1")
    parts = []
    if pc.any(zoned).as_py():
        text = pc.replace_substring_regex(pc.if_else(zoned, values, None), r"\s?(UTC|z)$", "Z")
        text = pc.replace_substring_regex(text, r"\s([+-]\d{2}:?\d{0,2})$", r"\1")
        parts.append(_halved(text, TIMESTAMP_TYPE, lambda part: part.cast(TIMESTAMP_TYPE)))
    if pc.any(number).as_py():
        text = pc.if_else(number, values, None)
        parts.append(_epochs(_halved(text, pa.float64(), lambda part: part.cast(pa.float64()))))
    rest = pc.or_(zoned, number)
    if not pc.all(rest).as_py():
        text = pc.if_else(rest, None, values)
        naive = _halved(text, naive_type, lambda part: part.cast(naive_type))
        parts.append(pc.assume_timezone(naive, TIMESTAMP_TYPE.tz))
    return pc.coalesce(*parts) if parts else pa.nulls(len(values), TIMESTAMP_TYPE)


def _dates(values: pa.Array) -> pa.Array:
    """Read dates; a year, or a year and month, means its first day, as catalogues write old releases."""
    if pt.is_timestamp(values.type) or pt.is_date(values.type):
        return values.cast(pa.date32(), safe=False)
    text = values.cast(pa.string())
    text = pc.if_else(
        pc.match_substring_regex(text, _YEAR), pc.binary_join_element_wise(text, "-01", ""), text
    )
    text = pc.if_else(
        pc.match_substring_regex(text, _MONTH), pc.binary_join_element_wise(text, "-01", ""), text
    )
    day = pc.replace_substring_regex(text, r"[T ].*$", "")
    return _halved(day, pa.date32(), lambda part: part.cast(pa.date32()))


def _cast_lists(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast lists, or single values as lists of one; missing strings are left out, an unreadable value spoils its list."""
    if pt.is_null(values.type):
        return pa.nulls(len(values), target)
    if is_list(values.type):
        lengths, elements = pc.fill_null(pc.list_value_length(values), 0).to_numpy(), values.flatten()
    else:
        lengths, elements = (
            pc.is_valid(values).to_numpy(zero_copy_only=False).astype(np.int32),
            values.drop_null(),
        )
    inner, unreadable = cast(elements, target.value_type)
    if pt.is_floating(target.value_type):
        unreadable = pc.is_null(inner)  # a vector without one of its numbers would be another vector
    owners = np.repeat(np.arange(len(values)), lengths)
    is_null = pc.is_null(values).to_numpy(zero_copy_only=False)
    if unreadable is not None:
        is_null = is_null | (
            np.bincount(owners[unreadable.to_numpy(zero_copy_only=False)], minlength=len(values)) > 0
        )
    counts = np.bincount(owners[pc.is_valid(inner).to_numpy(zero_copy_only=False)], minlength=len(values))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, inner.drop_null(), type=target, mask=pa.array(is_null))
