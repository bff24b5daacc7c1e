"""Which versions of a lake's tables the runs and bundles of a workspace have pinned."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossfade.recommender.manifest import MANIFEST
from crossfade.recommender.workspace import Workspace

# {"gold/interactions": {3: ["bundle 1f2e...", "run 2026..."]}}
Pinned = dict[str, dict[int, list[str]]]


def pinned_by(workspace: Workspace, lake_id: str) -> Pinned:
    """Return who pins which version of which table of a lake.

    Args:
        workspace: Its bundles and runs are looked at.
        lake_id: `Lake.id`; what was learnt from another lake pins nothing here.

    Returns:
        Names of bundles and runs by version and table.
    """
    found: Pinned = {}
    for who, about in _pins(workspace):
        if about.get("lake", "") == lake_id:
            for table, version in about["lake_versions"].items():
                names = found.setdefault(table, {}).setdefault(int(version), [])
                names += [] if who in names else [who]
    return found


def _pins(workspace: Workspace) -> Iterator[tuple[str, dict[str, Any]]]:
    for bundle in sorted(workspace.bundles.glob(f"[!.]*/{MANIFEST}")):
        yield f"bundle {bundle.parent.name}", _read(bundle)
    for dataset in sorted(workspace.runs.rglob("split.json")):
        yield f"run {dataset.relative_to(workspace.runs).parts[0]}", _read(dataset)


def _read(file: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return {"lake_versions": {}, **about}
