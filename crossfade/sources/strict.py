"""Reads one file into rows of a canonical table, where a single bad row refuses the file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.tables import TRACKS
from crossfade.sources.canonical import reader
from crossfade.sources.chunks import Chunk
from crossfade.sources.conform import Times, check_columns, conform
from crossfade.sources.files import CANONICAL_ENDINGS, expanded

# Tracks carry no moment that could lie in the future.
ANY_TIME: Final = Times(datetime(1970, 1, 1, tzinfo=UTC), 0)


def read_tracks(path: Path) -> pa.Table:
    """Read tracks from a Parquet, CSV or JSONL file.

    Args:
        path: In the canonical schema; only `track_id` is needed.

    Returns:
        [n] the canonical track columns, in the order of the file.

    Raises:
        NotFoundError: There is no such file.
        InputError: The file cannot be read, lacks a column, has no row or a bad one; names the first bad row.
    """
    (file,) = expanded([path], CANONICAL_ENDINGS)
    parts = [TRACKS.schema.empty_table(), *(_rows(chunk, file) for chunk in reader(TRACKS)(file))]
    rows = pa.concat_tables(parts).combine_chunks()
    if not len(rows):
        raise InputError(f"There is no track in {file}; name a file that holds rows.")
    return rows


def _rows(chunk: Chunk, file: Path) -> pa.Table:
    check_columns(chunk.rows.schema, chunk.table, str(file), typed=chunk.typed)
    good, refused = conform(chunk, ANY_TIME)
    if len(refused):
        first = refused.slice(0, 1).to_pylist()[0]
        value = f"{first['column']} = {first['value']}" if first["column"] else first["value"]
        raise InputError(
            f"{file}, row {first[c.SOURCE_ROW]}: {first[c.REASON]}: {value} ({len(refused):,} bad rows); "
            "correct them or leave them out. Nothing was added."
        )
    return good.select(TRACKS.schema.names).cast(TRACKS.schema)
