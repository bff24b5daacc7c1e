"""Bundles and runs pin the versions that they name, of the lake that they name."""

import json
from pathlib import Path

from crossfade.recommender.manifest import MANIFEST
from crossfade.recommender.pins import pinned_by
from crossfade.recommender.workspace import Workspace


def write(file: Path, lake: str, **versions: int) -> None:
    about = {"lake": lake, "lake_versions": {f"gold/{name}": version for name, version in versions.items()}}
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(about), "utf-8")


def test_bundles_and_runs_pin_versions_of_their_lake_only(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    write(workspace.bundles / "one" / MANIFEST, "here", interactions=3, catalogue=1)
    write(workspace.bundles / "other" / MANIFEST, "elsewhere", interactions=4)
    write(workspace.bundles / ".half" / MANIFEST, "here", interactions=5)
    for step in ("train", "rank"):
        write(workspace.runs / "run-7" / step / "dataset" / "split.json", "here", interactions=3)
    assert pinned_by(workspace, "here") == {
        "gold/interactions": {3: ["bundle one", "run run-7"]},
        "gold/catalogue": {1: ["bundle one"]},
    }
    assert pinned_by(workspace, "none") == {}
