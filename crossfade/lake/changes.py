"""What tables gained since others were made from them, as Delta's own log tells it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from crossfade.lake.days import Days, from_note
from crossfade.lake.lake import Lake

REPLACED: Final = "crossfade.days"  # of a commit that replaced some days only: which
_UPKEEP: Final = ("OPTIMIZE", "VACUUM START", "VACUUM END")
_Action = dict[str, Any]


def added_files(lake: Lake, layer: str, name: str, since: int | None) -> list[Path] | None:
    """Return the files whose rows were appended after a version.

    Files that a compaction has merged meanwhile are returned as they were written.

    Args:
        lake: The newest version that it shows is the last that counts.
        layer: One of `LAYERS`.
        name: The table's name.
        since: The version; None stands for before the first.

    Returns:
        None where rows were removed or changed, or where log or files do not go back so far.
    """
    table, files = lake.path / layer / name, []
    for actions in _commits(lake, layer, name, since):
        if actions is None:
            return None
        for action in actions:
            if action.get("remove", {}).get("dataChange"):
                return None
            if action.get("add", {}).get("dataChange"):
                files.append(table / unquote(action["add"]["path"]))
    return files if all(file.exists() for file in files) else None


def replaced_days(lake: Lake, layer: str, name: str, since: int | None) -> Days | None:
    """Return the days of a table that were replaced after a version; None where it was written whole or the log is gone."""
    days: set[Any] = set()
    for actions in _commits(lake, layer, name, since):
        if actions is None:
            return None
        about = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
        if REPLACED in about:
            days |= from_note(about[REPLACED])
        elif about.get("operation") not in _UPKEEP:
            return None
    return frozenset(days)


def _commits(lake: Lake, layer: str, name: str, since: int | None) -> Iterator[list[_Action] | None]:
    """Yield the actions of each commit after a version; None where there is none of them left."""
    newest = lake.version(layer, name)
    if newest is None:
        return
    for version in range(-1 if since is None else since, newest):
        commit = lake.path / layer / name / "_delta_log" / f"{version + 1:020}.json"
        lines = commit.read_text("utf-8").splitlines() if commit.exists() else None
        yield None if lines is None else [json.loads(line) for line in lines if line]
