"""A newcomer finds the place for a change: one object a file, named by its kind, in a kustomization that is short."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.rendering import MANIFESTS, ROOT, documents, kustomization_files

BASE_LINES, OVERLAY_LINES = 15, 25
LISTS = ("resources", "components", "configurations")


def told(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def named(path: Path) -> Iterator[Path]:
    """Yield the files and folders that a kustomization names."""
    each = told(path)
    for key in LISTS:
        yield from (path.parent / name for name in each.get(key, []))
    for key in ("patches", "replacements"):
        yield from (path.parent / part["path"] for part in each.get(key, []) if "path" in part)
    for made in each.get("configMapGenerator", []):
        yield from (path.parent / name for key in ("files", "envs") for name in made.get(key, []))


NAMED = {found.resolve() for path in kustomization_files() for found in named(path)}


def test_everything_is_in_a_kustomization() -> None:
    tops = {
        MANIFESTS / "experiments",
        *(MANIFESTS / "overlays").iterdir(),
        *(MANIFESTS / "components").iterdir(),
    }
    schema = MANIFESTS / "crds" / "experiment.schema.json"  # for editors
    files = {path for path in MANIFESTS.rglob("*") if path.is_file() and path.name != "kustomization.yaml"}
    folders = {path.parent for path in kustomization_files()} - tops - {ROOT}
    assert sorted((files | folders) - NAMED - {schema}) == []


def test_what_a_kustomization_names_is_there() -> None:
    assert [path for path in NAMED if not path.exists()] == []


@pytest.mark.parametrize("path", kustomization_files(), ids=lambda path: str(path.relative_to(ROOT).parent))
def test_a_kustomization_is_short_and_local(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert len(lines) <= (OVERLAY_LINES if "overlays" in path.parts else BASE_LINES)
    assert "://" not in re.sub(r"#.*", "", text), "no remote bases"


def test_a_file_of_base_or_a_component_holds_one_object_and_is_named_by_its_kind() -> None:
    listed = [
        path.parent / name
        for path in kustomization_files()
        if path.is_relative_to(MANIFESTS / "base") or path.is_relative_to(MANIFESTS / "components")
        for name in told(path).get("resources", [])
        if name.endswith(".yaml")
    ]
    assert listed
    for file in listed:
        (only,) = documents(file.read_text("utf-8"))
        assert re.fullmatch(rf"{only['kind'].lower()}(-[a-z-]+)?", file.stem), file
