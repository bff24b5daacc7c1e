"""Ids of events that come without one."""

import tempfile
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.lake.engine_duckdb import engine
from crossfade.schema import columns as c
from crossfade.sources import landing
from crossfade.sources.staging import ORDINAL, TIMESTAMP_US


def with_event_ids(rows: pa.Table) -> pa.Table:
    """Give events without an id the one that an import of files gives them, see `landing.event_ids`.

    Without a timestamp two plays look alike, so that the id is then the message's own place.

    Args:
        rows: [n] canonical columns, `source_file` and `source_row`.
    """
    ids = rows.column(c.EVENT_ID).combine_chunks()
    if not ids.null_count:
        return rows
    offsets = rows.column(c.SOURCE_ROW).cast(pa.string())
    places = pc.binary_join_element_wise(rows.column(c.SOURCE_FILE), offsets, "/").combine_chunks()
    untimed = pc.is_null(rows.column(c.TIMESTAMP).combine_chunks())
    ids = pc.coalesce(ids, pc.if_else(untimed, places, None))
    missing = pc.is_null(ids)
    if pc.any(missing).as_py():
        # Where the id is known, a null keeps it.
        ids = pc.coalesce(
            ids, pc.replace_with_mask(pa.nulls(len(ids), pa.string()), missing, _made(rows.filter(missing)))
        )
    return rows.set_column(rows.column_names.index(c.EVENT_ID), c.EVENT_ID, ids)


def _made(rows: pa.Table) -> pa.Array:
    times = rows.column(c.TIMESTAMP).cast(pa.int64())
    staged = rows.append_column(ORDINAL, pa.array(np.arange(len(rows)))).append_column(TIMESTAMP_US, times)
    with engine(Path(tempfile.gettempdir())) as session:
        made = session.rows(landing.event_ids(ibis.memtable(staged)))
    return made.sort_by(ORDINAL).column(c.EVENT_ID).combine_chunks()
