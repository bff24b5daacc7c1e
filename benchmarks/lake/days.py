"""Bronze events of many listeners over some days, made at millions a minute."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.lake.layout import bronze_schema
from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS

TRACKS: Final = 20_000
ARTISTS: Final = 3_000
ACTIVE_SHARE: Final = 0.6  # of listeners on a day
LISTENS_PER_USER_DAY: Final = 12.1  # with those who are not active
LATE_SHARE: Final = 0.01  # of a day's events arrive one or two days late
REPEATED_SHARE: Final = 0.005  # ... and some twice
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAY_SECONDS: Final = 86_400
ID_BYTES: Final = 16
DIGITS: Final = 2 * ID_BYTES

Int64s = npt.NDArray[np.int64]


def events_of_days(
    rng: np.random.Generator, users: int, first: int, days: int, late_share: float = LATE_SHARE
) -> pa.Table:
    """Return the events of some days as bronze has them, imported just after the last of them.

    Six in ten listeners are active on a day, with some twenty plays in a few sessions on one of two devices. Event ids are random
    so that no order of theirs helps to find one. One event in a hundred is up to two days late, one in two hundred comes twice.

    Args:
        rng: Says what happens.
        users: Number of listeners.
        first: Number of the first day, from 0; before the third nothing is late.
        days: Number of days.
        late_share: Of the events.
    """
    day, user = np.nonzero(rng.random((days, users)) < ACTIVE_SHARE)
    sessions = np.repeat(np.arange(len(day)), rng.integers(1, 4, len(day)))
    begins = (first + day[sessions]) * DAY_SECONDS + rng.integers(0, DAY_SECONDS - 9000, len(sessions))
    lengths = rng.integers(1, 20, len(sessions))
    owner = np.repeat(np.arange(len(sessions)), lengths)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    seconds = begins[owner] + place * 240 + rng.integers(0, 60, len(owner))
    late_days = (rng.random(len(owner)) < late_share) * rng.integers(1, 3, len(owner))
    acts = {
        "user": user[sessions][owner],
        "track": rng.zipf(1.3, len(owner)) % TRACKS,
        "seconds": seconds - late_days * DAY_SECONDS * (first > 2),
        c.PLAYED_MS: rng.integers(1_000, 300_000, len(owner)),
    }
    rows = np.arange(len(owner))
    again = np.concatenate([rows, rows[rng.random(len(rows)) < REPEATED_SHARE]])
    ids = _random_ids(rng, len(owner)).take(again)
    return _bronze(ids, {name: values[again] for name, values in acts.items()}, first + days)


def _random_ids(rng: np.random.Generator, number: int) -> pa.Array:
    digits = rng.bytes(ID_BYTES * number).hex().encode()
    offsets = np.arange(number + 1, dtype=np.int32) * DIGITS
    return pa.Array.from_buffers(pa.string(), number, [None, pa.py_buffer(offsets), pa.py_buffer(digits)])


def _bronze(ids: pa.Array, acts: dict[str, Int64s], day: int) -> pa.Table:
    def named(name: str, values: Int64s) -> pa.Array:
        return pa.array([f"{name}-{each:07}" for each in range(int(values.max()) + 1)]).take(pa.array(values))

    number = len(ids)
    columns: dict[str, pa.Array] = {
        c.EVENT_ID: ids,
        c.EVENT_TYPE: pa.repeat("listen", number),
        c.USER_ID: named("user", acts["user"]),
        c.TRACK_ID: named("track", acts["track"]),
        c.ARTIST_ID: named("artist", acts["track"] % ARTISTS),
        c.DEVICE: pa.array(["web", "phone"]).take(pa.array(acts["user"] % 2)),
        c.TIMESTAMP: pa.array((int(START.timestamp()) + acts["seconds"]) * 1_000_000),
        c.PLAYED_MS: pa.array(acts[c.PLAYED_MS]),
        c.SOURCE: pa.repeat("events", number),
        c.SOURCE_FILE: pa.repeat(f"day-{day}", number),
        c.SOURCE_ROW: pa.array(np.arange(number)),
        c.IMPORTED_AT: pa.repeat(pa.scalar(START + timedelta(days=day), pa.timestamp("us", "UTC")), number),
    }
    schema = bronze_schema(EVENTS)
    return pa.table(
        [
            columns[field.name].cast(field.type) if field.name in columns else pa.nulls(number, field.type)
            for field in schema
        ],
        schema=schema,
    )
