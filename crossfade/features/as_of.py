"""Point-in-time join: what was known of each entity at each moment, from the history of its stored features."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.definitions import Entity, freshness_hours, stored_of
from crossfade.features.interactions import Int64s
from crossfade.schema import columns as c

MICROSECONDS_PER_HOUR: Final = 3_600_000_000


def as_of(history: pa.Table, wanted: pa.Table, entity: Entity) -> pa.Table:
    """Join the newest features that were known at each moment.

    Of an entity's rows that are of the moment or before, that had been written by then (so that a back-fill tells the
    past nothing), and that are within the freshness of their definition, the newest counts; of equally new ones the one
    written last.

    Args:
        history: [m] the entity's gold table: keys, features, `timestamp` and `created_at`, in any order.
        wanted: [n] the entity's keys and a `timestamp`.
        entity: Whose features.

    Returns:
        `wanted` with the entity's features, in its order; null where nothing was known.
    """
    codes, wanted_codes = _codes(history, wanted, entity)
    moments, written = _micros(history, c.TIMESTAMP), _micros(history, c.CREATED_AT)
    order = np.lexsort((written, moments, codes))
    places = _places(
        (codes[order], moments[order], written[order]),
        wanted_codes,
        _micros(wanted, c.TIMESTAMP),
        _reach(entity),
    )
    taken = pa.array(np.append(order, -1)[places], mask=places < 0)
    for feature in stored_of(entity):
        wanted = wanted.append_column(feature.name, history.column(feature.name).take(taken))
    return wanted


def _reach(entity: Entity) -> int:
    return freshness_hours(entity) * MICROSECONDS_PER_HOUR


def _places(
    rows: tuple[Int64s, Int64s, Int64s], codes: Int64s, moments: Int64s, reach: int
) -> npt.NDArray[np.int64]:
    """Find the row for each wanted code and moment [n] among sorted rows [m], -1 where there is none."""
    keys, times, written = rows
    if not len(keys):
        return np.full(len(codes), -1, np.int64)
    starts, ends = np.searchsorted(keys, codes, "left"), np.searchsorted(keys, codes, "right")
    places = _last_before(times, starts, ends, moments)
    while (hidden := (places >= starts) & (written[places] > moments)).any():
        places[hidden] -= 1
    found = places >= starts
    found[found] &= times[places[found]] + reach >= moments[found]
    return np.where(found, places, -1)


def _last_before(times: Int64s, starts: Int64s, ends: Int64s, moments: Int64s) -> Int64s:
    """Search times[starts:ends] [n], each sorted, for the last that is not after its moment; starts - 1 without any."""
    low, high = starts.copy(), ends.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        before = open_ & (times[np.where(open_, middle, 0)] <= moments)
        low = np.where(before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return low - 1


def _codes(history: pa.Table, wanted: pa.Table, entity: Entity) -> tuple[Int64s, Int64s]:
    """Number the distinct keys of both tables; keys that the history lacks get numbers without rows."""
    keys = [
        pa.chunked_array([*history.column(name).chunks, *wanted.column(name).chunks]) for name in entity.keys
    ]
    codes = np.zeros(len(keys[0]), np.int64)
    for column in keys:
        encoded = column.combine_chunks().dictionary_encode()
        numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        _, codes = np.unique(codes * max(len(encoded.dictionary), 1) + numbers, return_inverse=True)
    return codes[: history.num_rows], codes[history.num_rows :]


def _micros(table: pa.Table, column: str) -> Int64s:
    return np.asarray(
        pc.cast(table.column(column), pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(), np.int64
    )
