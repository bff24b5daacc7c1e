"""What tables gained since others were made from them, as Delta's own log tells it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from crossfade.lake.days import Days, from_note
from crossfade.lake.lake import Lake

NOTES: Final = "crossfade."  # how the keys of what is kept in commits begin
REPLACED: Final = f"{NOTES}days"  # of a commit that replaced some days only: which
_UPKEEP: Final = ("OPTIMIZE", "VACUUM START", "VACUUM END")
_Action = dict[str, Any]


def added_files(lake: Lake, table: str, since: int | None) -> list[Path] | None:
    """Return the files whose rows were appended after a version.

    Files that a compaction has merged meanwhile are returned as they were written.

    Args:
        lake: The newest version that it shows is the last that counts.
        table: "layer/name".
        since: The version; None stands for before the first.

    Returns:
        None where rows were removed or changed, or where log or files do not go back so far.
    """
    files = []
    for actions in _commits(lake, table, since):
        if actions is None:
            return None
        for action in actions:
            if action.get("remove", {}).get("dataChange"):
                return None
            if action.get("add", {}).get("dataChange"):
                files.append(lake.path / table / unquote(action["add"]["path"]))
    return files if all(file.exists() for file in files) else None


def replaced_days(lake: Lake, table: str, since: int | None, until: int | None = None) -> Days | None:
    """Return the days of a table that were replaced after a version; None where it was written whole or the log is gone.

    Args:
        lake: See `added_files`.
        table: "layer/name".
        since: The version; None stands for before the first.
        until: The last version that counts; None stands for the newest.
    """
    days: set[Any] = set()
    for actions in _commits(lake, table, since, until):
        if actions is None:
            return None
        about: _Action = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
        if REPLACED in about:
            days |= from_note(about[REPLACED])
        elif about.get("operation") not in _UPKEEP:
            return None
    return frozenset(days)


def note(lake: Lake, table: str, key: str) -> str | None:
    """Return what the newest commit that was told of a key keeps under it; None where none was, or no table is there."""
    layer, _, name = table.partition("/")
    commits = lake.history(layer, name) if lake.has(layer, name) else []
    return next((str(commit[key]) for commit in commits if key in commit), None)


def _commits(
    lake: Lake, table: str, since: int | None, until: int | None = None
) -> Iterator[list[_Action] | None]:
    """Yield the actions of each commit after a version, up to another or the newest; None where there is none of them left."""
    layer, _, name = table.partition("/")
    newest = lake.version(layer, name) if until is None else until
    if newest is None:
        return
    for version in range(-1 if since is None else since, newest):
        commit = lake.path / table / "_delta_log" / f"{version + 1:020}.json"
        lines = commit.read_text("utf-8").splitlines() if commit.exists() else None
        yield None if lines is None else [json.loads(line) for line in lines if line]
