"""Catalogue rows made from the listens of formats that carry no catalogue of their own."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema.tables import Table
from crossfade.sources.chunks import Chunk


def distinct_chunk(table: Table, columns: Mapping[str, pa.Array], source_rows: pa.Array) -> Chunk:
    """Return the distinct rows by key; of rows with one key the last stays, those without a key go.

    Args:
        table: A canonical table whose key is its first required column.
        columns: Canonical columns [n].
        source_rows: [n] int64.
    """
    keys = pa.table({"key": columns[table.required[0]], "place": np.arange(len(source_rows))})
    last = keys.filter(pc.is_valid(keys.column("key"))).group_by("key").aggregate([("place", "max")])
    places = last.column("place_max").combine_chunks()
    places = places.take(pc.sort_indices(places))
    return Chunk(table, pa.table(dict(columns)).take(places), source_rows.take(places), derived=True)


def first_of(lists: pa.Array) -> pa.Array:
    """Return the first element of each list [n], null where it is empty or null."""
    return pc.list_element(pc.list_slice(lists, 0, 1, return_fixed_size_list=True), 0)


def above_zero(values: pa.Array) -> pa.Array:
    """Return numbers [n] with null where they are not above 0, as players write durations that they do not know."""
    return pc.if_else(pc.greater(values, 0), values, None)
