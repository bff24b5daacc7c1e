"""Commits Parquet files that an engine has written itself, so that rows need not pass through this process."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake import Schema as DeltaSchema
from deltalake.transaction import AddAction


def overwrite_by_files(
    table: Path, files: Sequence[Path], schema: pa.Schema, about: Mapping[str, str] | None = None
) -> None:
    """Move files into a table's directory and make them all of its rows, in one commit.

    A file that was moved but not committed is no part of the table; Delta's vacuum removes it.

    Args:
        table: The directory of a Delta table; one is made if there is none.
        files: Parquet files of the schema on the same file system, with names that no other has.
        schema: The table's columns from now on.
        about: Kept in the commit.
    """
    actions = [_moved(file, table) for file in files]
    delta = DeltaTable.create(str(table), schema, mode="ignore")
    delta.create_write_transaction(
        actions,
        "overwrite",
        DeltaSchema.from_arrow(schema),
        commit_properties=CommitProperties(custom_metadata=dict(about or {})),
    )


def _moved(file: Path, table: Path) -> AddAction:
    num_rows = pq.read_metadata(file).num_rows
    place = file.rename(table / file.name)
    milliseconds = int(time.time() * 1000)
    stats = json.dumps({"numRecords": num_rows})
    return AddAction(place.name, place.stat().st_size, {}, milliseconds, True, stats)
