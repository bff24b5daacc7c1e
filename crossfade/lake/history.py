"""The versions of a lake's tables: when and how each was written, from what, and who relies on it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crossfade.lake.changes import REPLACED
from crossfade.lake.lake import Lake
from crossfade.lake.making import INPUTS, MADE_FROM

Pinned = Mapping[str, Mapping[int, list[str]]]


@dataclass(frozen=True)
class Version:
    """One version of a table.

    Args:
        table: "layer/name".
        version: From 0.
        written_at: ISO 8601, UTC.
        operation: append, overwrite, delete, optimize, ...; "replace" where only some days were written anew.
        rows_added: Rows written.
        days: Days that were written anew; None where that was not by days.
        made_from: Versions of the tables that it was made from; empty for what was imported.
        pinned_by: Bundles and runs that rely on it.
    """

    table: str
    version: int
    written_at: str
    operation: str
    rows_added: int
    days: int | None
    made_from: dict[str, int | None]
    pinned_by: list[str]

    def __str__(self) -> str:
        """Return one line for people."""
        of_days = "" if self.days is None else f" of {self.days:,} days"
        made = ", ".join(
            f"{name} {version}" for name, version in self.made_from.items() if version is not None
        )
        return (
            f"{self.table}  version {self.version}  {self.written_at}  {self.operation}  {self.rows_added:,} rows{of_days}"
            + (f"  from {made}" if made else "")
            + (f"  pinned by {', '.join(self.pinned_by)}" if self.pinned_by else "")
        )


def versions(lake: Lake, pinned: Pinned) -> Iterator[Version]:
    """Yield the versions of every table, newest first.

    Args:
        lake: Whose.
        pinned: Who relies on which version, by table.
    """
    for table in lake.versions():
        for commit in lake.history(*table.split("/")):
            yield _version(table, commit, pinned.get(table, {}))


def _version(table: str, commit: Mapping[str, Any], pinned: Mapping[int, list[str]]) -> Version:
    days = json.loads(commit[REPLACED]) if REPLACED in commit else None
    mode = commit.get("operationParameters", {}).get("mode", commit["operation"])
    return Version(
        table,
        commit["version"],
        datetime.fromtimestamp(commit["timestamp"] / 1000, UTC).isoformat(timespec="seconds"),
        str(mode).lower() if days is None else "replace",
        int(commit.get("operationMetrics", {}).get("num_added_rows", 0)),
        None if days is None else len(days),
        json.loads(commit[MADE_FROM])[INPUTS] if MADE_FROM in commit else {},
        list(pinned.get(commit["version"], ())),
    )
