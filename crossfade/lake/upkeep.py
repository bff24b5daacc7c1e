"""Keeps a lake small: events past their age go, small files become large ones, and files that nothing reads any more are removed.

None of it changes what is read of newer events, nor a version that a run has pinned, nor the positions of streams.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from crossfade.lake.changes import NOTES, REPLACED
from crossfade.lake.forgetting import delete_rows
from crossfade.lake.lake import BRONZE, FILE_BYTES, GOLD, SILVER, Lake
from crossfade.lake.messages import unwritten
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import UpkeepSettings
from crossfade.schema.tables import EVENTS, EventType

BYTES_PER_MIB: Final = 1 << 20
HOURS_PER_DAY: Final = 24
# A table is written anew when it has so many times the files that it needs.
_MOST_FILES: Final = 2

Pins = Mapping[str, Collection[int]]


@dataclass(frozen=True)
class TableUpkeep:
    """What was done to one table.

    Args:
        name: "layer/name".
        rows_expired: Events that had reached their age.
        files_before: Files of the newest version before.
        files_after: ... and after.
        files_removed: Files that no version in use needs, now gone from disk.
    """

    name: str
    rows_expired: int
    files_before: int
    files_after: int
    files_removed: int

    def __str__(self) -> str:
        """Return one line for people."""
        expired = f"{self.rows_expired:,} events expired; " if self.rows_expired else ""
        return (
            f"{self.name}: {expired}{self.files_before:,} files are now {self.files_after:,}; "
            f"{self.files_removed:,} removed from disk"
        )


def compact(lake: Lake, settings: UpkeepSettings, pins: Pins) -> tuple[TableUpkeep, ...]:
    """Expire, merge and remove; a second call finds nothing to do.

    Tables that are replaced by days are merged in the order of time and to small files, so that a day stays cheap to replace;
    all others to `file_mib`. Streams may go on: their appends do not collide with a merge.

    Args:
        lake: No import or refresh may be under way.
        settings: Ages and sizes.
        pins: Versions to keep readable, by "layer/name"; what an erasure has removed is passed over.

    Returns:
        What was done to each table.

    Raises:
        InputError: Another process is importing into the lake or refreshing it.
        CrossfadeError: The disk is full, or a stream was writing at the very moment at which events expired; run it again.
    """
    with lake.writing():
        return tuple(_table(lake, name, settings, pins.get(name, ())) for name in lake.versions())


def _table(lake: Lake, name: str, settings: UpkeepSettings, pinned: Collection[int]) -> TableUpkeep:
    layer, _, short = name.partition("/")
    before = len(lake.files(layer, short))
    try:
        expired = _expired(lake, settings) if name == f"{BRONZE}/{EVENTS.name}" else 0
        _merge(lake, layer, short, settings.file_mib * BYTES_PER_MIB)
        removed = _vacuum(lake, layer, short, settings.version_days, pinned)
    except (OSError, DeltaError) as error:
        raise unwritten(lake.path / name, error) from error
    return TableUpkeep(name, expired, before, len(lake.files(layer, short)), removed)


def _expired(lake: Lake, settings: UpkeepSettings) -> int:
    """Delete events past their age, counted from the newest; return how many."""
    newest = pc.max(lake.dataset(BRONZE, EVENTS.name).to_table(columns=[c.TIMESTAMP]).column(0)).as_py()
    if newest is None or not (settings.bronze_days or settings.exposure_days):
        return 0

    def is_kept(rows: pa.Table) -> pa.ChunkedArray:
        return _is_young(rows, newest, settings)

    return delete_rows(lake, BRONZE, EVENTS.name, (c.TIMESTAMP, c.EVENT_TYPE), is_kept)


def _is_young(rows: pa.Table, newest: datetime, settings: UpkeepSettings) -> pa.ChunkedArray:
    """Return [n] bool: events that have not reached their age, and those without a time, which have none."""
    kept = pa.chunked_array([pa.repeat(True, len(rows))])
    if c.TIMESTAMP not in rows.column_names:  # of a file from before there was one
        return kept
    is_exposure = pc.equal(rows.column(c.EVENT_TYPE), str(EventType.EXPOSURE))
    for days, concerned in ((settings.bronze_days, True), (settings.exposure_days, is_exposure)):
        if days:
            is_old = pc.less(rows.column(c.TIMESTAMP), newest - timedelta(days=days))
            kept = pc.and_(kept, pc.invert(pc.fill_null(pc.and_(is_old, concerned), False)))
    return kept


def _handle(lake: Lake, layer: str, name: str) -> DeltaTable:
    return DeltaTable(str(lake.path / layer / name))


def _about(lake: Lake, layer: str, name: str) -> CommitProperties:
    """Return what is known of a derived table, for a commit that changes none of its rows: the newest commit shall say it."""
    about: dict[str, str] = {}
    for commit in lake.history(layer, name) if layer in (SILVER, GOLD) else ():
        notes = {
            key: str(value) for key, value in commit.items() if key.startswith(NOTES) and key != REPLACED
        }
        about = notes | about
    return CommitProperties(custom_metadata=about)


def _merge(lake: Lake, layer: str, name: str, target_bytes: int) -> None:
    table = _handle(lake, layer, name)
    about = _about(lake, layer, name)
    time = _time(lake, layer, name)
    goal = FILE_BYTES if time else target_bytes
    sizes: list[int] = table.get_add_actions().column("size_bytes").to_pylist()
    if len(sizes) <= _MOST_FILES * max(1, math.ceil(sum(sizes) / goal)):
        return
    if time:
        table.optimize.z_order(
            [time], target_size=goal, commit_properties=about
        )  # of one column: in its order
    else:
        table.optimize.compact(target_size=goal, commit_properties=about)


def _time(lake: Lake, layer: str, name: str) -> str | None:
    """Return the column by whose days a table is replaced."""
    names = lake.dataset(layer, name).schema.names if layer in (SILVER, GOLD) else ()
    return next((each for each in (c.DAY, c.TIMESTAMP) if each in names), None)


def _vacuum(lake: Lake, layer: str, name: str, version_days: int, pinned: Collection[int]) -> int:
    readable = {
        commit["version"] for commit in lake.history(layer, name)
    }  # an erasure leaves the newest alone
    about: dict[str, Any] = {
        "retention_hours": version_days * HOURS_PER_DAY,
        "enforce_retention_duration": False,
        "full": True,  # also what commits that never came about have left
        "keep_versions": sorted(readable.intersection(pinned)) or None,
        "commit_properties": _about(lake, layer, name),
    }
    table = _handle(lake, layer, name)
    # A vacuum is a commit; without anything to remove there shall be none.
    found = table.vacuum(dry_run=True, **about)
    return len(table.vacuum(dry_run=False, **about)) if found else 0
