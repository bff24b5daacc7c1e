"""Takes rows out of Delta tables so that no byte of them stays: not in files of earlier versions, not in the log's statistics."""

import json
import re
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from crossfade.lake.lake import Lake
from crossfade.lake.messages import unwritten
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError

LOG: Final = "_delta_log"
NUMBERED: Final = re.compile(r"(\d{20})\.")


def delete_user(lake: Lake, layer: str, name: str, user_id: str) -> int:
    """Delete a user's rows from a table and return their number; only files that hold some are rewritten, as one commit.

    Delta's own deletion would name the user in the log, and write strings of a type that Arrow then cannot compare with others.
    Earlier versions still hold the rows; `settle` ends that.

    Args:
        lake: With its writer lock held.
        layer: One of `LAYERS`.
        name: Of a table with `user_id`, not partitioned.
        user_id: As it stands in the table.
    """

    def is_other(rows: pa.Table) -> pa.ChunkedArray:
        return pc.fill_null(pc.not_equal(rows.column(c.USER_ID), user_id), True)

    return delete_rows(lake, layer, name, (c.USER_ID,), is_other)


def delete_rows(
    lake: Lake, layer: str, name: str, columns: Sequence[str], is_kept: Callable[[pa.Table], pa.ChunkedArray]
) -> int:
    """Delete rows and return their number; only files that hold some are rewritten, as one commit.

    Args:
        lake: With its writer lock held.
        layer: One of `LAYERS`.
        name: Of a table that is not partitioned.
        columns: What `is_kept` reads.
        is_kept: Tells of the rows of one file [n], of which older ones may lack columns, which of them stay: [n] bool.
    """
    path, count = lake.path / layer / name, 0
    actions: list[AddAction | RemoveAction] = []
    for file in lake.files(layer, name):
        kept = is_kept(pq.ParquetFile(file).read(columns=list(columns)))
        gone = len(kept) - int(pc.sum(kept).as_py() or 0)
        if gone:
            count += gone
            rows = pq.ParquetFile(file).read().filter(kept)
            actions += [RemoveAction(file.name, True, _now_ms(), file.stat().st_size), _added(file, rows)]
    if actions:
        _changed(path, lambda table: table.create_write_transaction(actions, "append", table.schema()))
    return count


def _added(old: Path, rows: pa.Table) -> AddAction:
    new = old.with_name(f"part-{uuid4()}.zstd.parquet")
    pq.write_table(rows, new, compression="zstd")
    statistics = json.dumps({"numRecords": len(rows)})
    return AddAction(new.name, new.stat().st_size, {}, _now_ms(), data_change=True, stats=statistics)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def keep_rows(lake: Lake, layer: str, name: str, is_kept: Callable[[pa.Table], pa.Array]) -> int:
    """Keep the rows of a table for which a function of the table says so, [n] bool, and return how many went."""
    rows = lake.read(layer, name)
    kept = rows.filter(is_kept(rows))
    if len(kept) < len(rows):
        lake.overwrite(layer, name, kept)
    return len(rows) - len(kept)


def settle(lake: Lake, layer: str, name: str) -> None:
    """Leave nothing of a table but its newest version: neither data files of earlier ones nor their log.

    Positions of streams and what the newest commit tells of itself stay. Earlier versions cannot be read any more.

    Args:
        lake: With its writer lock held, and no stream at work.
        layer: One of `LAYERS`.
        name: The table.

    Raises:
        IntegrityError: The table lacks a file of its newest version; no data file is removed.
    """
    path = (lake.path / layer / name).resolve()
    _changed(path, lambda table: table.create_checkpoint())
    newest = DeltaTable(str(path))
    for file in sorted((path / LOG).iterdir()):
        number = NUMBERED.match(file.name)
        if number and int(number.group(1)) < newest.version():
            file.unlink()
    for file in _dead_files(path, {file.resolve() for file in lake.files(layer, name)}):
        file.unlink()


def _dead_files(path: Path, live: set[Path]) -> set[Path]:
    stored = {file for file in path.rglob("*.parquet") if LOG not in file.relative_to(path).parts}
    if missing := sorted(live - stored):
        raise IntegrityError(
            f"{path} lacks {missing[0].name}, a file of its newest version; restore it first."
        )
    return stored - live


def table_digest(lake: Lake, layer: str, name: str) -> str:
    """Return a SHA-256 over names and sizes of a table's live files, which Delta never changes."""
    files = sorted((file.name, file.stat().st_size) for file in lake.files(layer, name))
    return sha256(repr(files).encode()).hexdigest()


def _changed(path: Path, change: Callable[[DeltaTable], object]) -> None:
    try:
        change(DeltaTable(str(path)))
    except (OSError, DeltaError) as error:
        raise unwritten(path, error) from error
