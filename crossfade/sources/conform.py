"""Makes the rows of a file canonical: columns named and typed, every row checked, the refused ones with their reasons."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.tables import EVENTS, TRACKS, EventType, Table
from crossfade.schema.user_keys import PSEUDONYM_BYTES, UserKeys
from crossfade.sources.casts import accepts, cast
from crossfade.sources.chunks import REFUSED_SCHEMA, Chunk

Mask = npt.NDArray[np.bool_]
PSEUDONYM: Final = "user_id is a pseudonym of this lake; give the user's own id"
EVENT_TYPES: Final = pa.array([str(kind) for kind in EventType])
NEEDS: Final = (
    (pt.is_list, "a list"),
    (pt.is_string, "text or whole numbers"),
    (pt.is_timestamp, "a timestamp, ISO 8601 text or a number since 1970"),
    (pt.is_date, "a date or ISO 8601 text"),
    (pt.is_integer, "whole numbers"),
    (pt.is_floating, "numbers"),
    (pt.is_boolean, "true or false"),
)


@dataclass(frozen=True)
class Times:
    """What times an event may have.

    Args:
        now: Moment of the import.
        tolerance_minutes: Later than now by up to this is a client's clock, more is refused.
        latest: UTC seconds at which the source was collected; None knows no limit.
    """

    now: datetime
    tolerance_minutes: int
    latest: int | None = None


@dataclass(frozen=True)
class _Check:
    """A check that rows failed: which [n] bool, why, and in which column."""

    failed: Mask
    reason: str
    column: str


def column_names(names: list[str], table: Table) -> dict[str, str]:
    """Return which column of a file fills which canonical column, as {canonical: in the file}.

    The canonical name wins over aliases, an earlier alias over a later one.
    """
    found = {name: name for name in table.schema.names if name in names}
    for alias, name in table.aliases.items():
        if alias in names:
            found.setdefault(name, alias)
    return found


def check_columns(schema: pa.Schema, table: Table, place: str, *, typed: bool) -> None:
    """Check that a file can be imported at all.

    Args:
        schema: The file's columns.
        table: The canonical table.
        place: The file, for the message.
        typed: True where the format has types of its own, see `accepts`.

    Raises:
        InputError: A required column is missing, or a column has a type that cannot hold its values.
    """
    names = column_names(schema.names, table)
    for required in table.required:
        if required not in names:
            raise InputError(
                f"{place}: column {required} is missing, {table.name} need {' and '.join(table.required)}; "
                f"found {', '.join(schema.names) or 'no column'}. Rename or add it."
            )
    for name, given in names.items():
        kind, target = schema.field(given).type, table.schema.field(name).type
        if not accepts(kind, target, typed=typed):
            raise InputError(
                f"{place}: column {given} has type {kind}, but needs {_need(target)}. Convert it and import again."
            )


def conform(chunk: Chunk, times: Times, keys: UserKeys | None = None) -> tuple[pa.Table, pa.Table]:
    """Type and check the rows of a chunk whose columns have been checked.

    Args:
        chunk: Rows as they were read.
        times: What times events may have.
        keys: Of the lake's pseudonyms: who stands under one of them would get a second one. None where there are none.

    Returns:
        Good rows with the canonical columns and `source_row`, and refused rows of `REFUSED_SCHEMA`.
    """
    names = column_names(chunk.rows.column_names, chunk.table)
    columns, checks = {}, []
    for field in chunk.table.schema:
        if field.name not in names:
            columns[field.name] = pa.nulls(len(chunk.source_rows), field.type)
            continue
        columns[field.name], unreadable = cast(_whole(chunk.rows.column(names[field.name])), field.type)
        if unreadable is not None:
            checks.append(
                _Check(_mask(unreadable), f"{field.name} cannot be read as {_need(field.type)}", field.name)
            )
    if chunk.table is EVENTS:
        columns[c.EVENT_TYPE] = pc.fill_null(columns[c.EVENT_TYPE], str(EventType.LISTEN))
    checks.extend(_checks(columns, chunk.table, times))
    if keys is not None and c.USER_ID in names:
        checks.extend(_failed(_made(columns[c.USER_ID], keys), PSEUDONYM, c.USER_ID))
    rows = pa.table({**columns, c.SOURCE_ROW: chunk.source_rows})
    if not checks:
        return rows, chunk.refused
    first = np.zeros(len(rows), np.int64)
    for number, check in reversed(list(enumerate(checks, 1))):
        first[check.failed] = number
    refused = pa.concat_tables([chunk.refused, _refused(chunk, names, checks, first)])
    return rows.filter(pa.array(first == 0)), refused


def _checks(columns: dict[str, pa.Array], table: Table, times: Times) -> Iterator[_Check]:
    for name in table.required:
        missing = _mask(pc.is_null(columns[name]))
        if name == c.TRACK_ID and table is EVENTS:
            # One may follow an artist without naming a track.
            follows = _mask(pc.equal(columns[c.EVENT_TYPE], str(EventType.FOLLOW)))
            missing &= ~(follows & _mask(pc.is_valid(columns[c.ARTIST_ID])))
        yield from _failed(missing, f"{name} is missing", name)
    if table is EVENTS:
        yield from _event_checks(columns, times)
    if table is TRACKS:
        yield from _failed(
            _mask(pc.less(columns[c.DURATION_MS], 0)), "duration_ms is negative", c.DURATION_MS
        )


def _event_checks(columns: dict[str, pa.Array], times: Times) -> Iterator[_Check]:
    unknown = _mask(pc.invert(pc.is_in(columns[c.EVENT_TYPE], EVENT_TYPES)))
    yield from _failed(unknown, "event_type is unknown", c.EVENT_TYPE)
    yield from _failed(_mask(pc.less(columns[c.PLAYED_MS], 0)), "played_ms is negative", c.PLAYED_MS)
    for name in (c.PLAYED_SHARE, c.PROPENSITY):
        outside = pc.or_(pc.less(columns[name], 0), pc.greater(columns[name], 1))
        yield from _failed(_mask(outside), f"{name} is outside 0 to 1", name)
    seconds = pc.floor(pc.divide(columns[c.TIMESTAMP].cast(pa.int64()).cast(pa.float64()), 1e6))
    horizon = times.now.timestamp() + 60 * times.tolerance_minutes
    yield from _failed(_mask(pc.greater(seconds, horizon)), "timestamp is in the future", c.TIMESTAMP)
    yield from _failed(_mask(pc.less(seconds, 0)), "timestamp is before 1970", c.TIMESTAMP)
    if times.latest is not None:
        day = datetime.fromtimestamp(times.latest, UTC).date()
        late = _mask(pc.greater(seconds, times.latest))
        yield from _failed(
            late, f"timestamp is after {day}, when this source had been collected", c.TIMESTAMP
        )


def _made(users: pa.Array, keys: UserKeys) -> Mask:
    """Return [n] whether a user id is a pseudonym by one of the keys."""
    fitting = _mask(pc.equal(pc.binary_length(users), PSEUDONYM_BYTES))
    for place in np.flatnonzero(fitting):
        fitting[place] = keys.made(users[int(place)].as_py())
    return fitting


def _failed(mask: Mask, reason: str, column: str) -> Iterator[_Check]:
    if mask.any():
        yield _Check(mask, reason, column)


def _mask(values: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), np.bool_)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _need(kind: pa.DataType) -> str:
    return next(need for fits, need in NEEDS if fits(kind))


def _refused(
    chunk: Chunk, names: dict[str, str], checks: list[_Check], first: npt.NDArray[np.int64]
) -> pa.Table:
    places = np.flatnonzero(first)
    records = chunk.rows.take(places).to_pylist()
    raw = chunk.raw(pa.array(places)) if chunk.raw else [_json(record) for record in records]
    failed = [checks[number - 1] for number in first[places]]
    values = [record.get(names.get(check.column, "")) for check, record in zip(failed, records, strict=True)]
    columns = {
        c.SOURCE_ROW: chunk.source_rows.take(pa.array(places)),
        c.REASON: [check.reason for check in failed],
        "column": [check.column for check in failed],
        "value": [value if value is None else str(value) for value in values],
        c.RAW: raw,
    }
    return pa.table(columns, schema=REFUSED_SCHEMA)


def _json(record: dict[str, object]) -> str:
    return json.dumps(
        {name: value for name, value in record.items() if value is not None}, default=str, ensure_ascii=False
    )
