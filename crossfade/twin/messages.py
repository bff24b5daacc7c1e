"""A twin's events as a service would send them: one JSON object each, keyed by user."""

import json
from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from crossfade.schema import columns as c

ROWS_AT_ONCE = 10_000


def messages(events: pa.Table) -> Iterator[tuple[bytes, bytes]]:
    """Yield key (the user) and value (the event, without what it does not say) of each event, in order.

    Args:
        events: [n] canonical events.
    """
    for batch in events.to_batches(max_chunksize=ROWS_AT_ONCE):
        for event in batch.to_pylist():
            said = {name: value for name, value in event.items() if value is not None}
            yield event[c.USER_ID].encode(), json.dumps(said, default=_text, ensure_ascii=False).encode()


def _text(value: datetime) -> str:
    return value.isoformat()
