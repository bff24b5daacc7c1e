"""A newcomer finds the place for a change: one object a file, named by its kind, in a kustomization that is short."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.rendering import MANIFESTS, ROOT, documents, kustomization_files

BASE_LINES, OVERLAY_LINES = 15, 25
LISTS = ("resources", "components", "configurations")
SCHEMA = "crds/experiment.schema.json"  # for editors


def told(path: Path) -> dict[str, Any]:
    (found,) = documents(path.read_text("utf-8"))
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


def unlisted(manifests: Path) -> list[str]:
    """Return the files and folders of manifests that no kustomization names."""
    kustomizations = list(manifests.rglob("kustomization.yaml"))
    known = {found.resolve() for path in kustomizations for found in named(path)}
    tops = {
        manifests / "experiments",
        *(manifests / "overlays").iterdir(),
        *(manifests / "components").iterdir(),
    }
    files = {path for path in manifests.rglob("*") if path.is_file()} - set(kustomizations)
    folders = {path.parent for path in kustomizations} - tops
    return sorted(str(path.relative_to(manifests)) for path in (files | folders) - known)


def test_everything_is_in_a_kustomization() -> None:
    assert unlisted(MANIFESTS) == [SCHEMA]


def test_a_file_that_nobody_names_is_found(tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    (tmp_path / "manifests" / "base" / "gateway" / "service.yaml").write_text("kind: Service", "utf-8")
    assert "base/gateway/service.yaml" in unlisted(tmp_path / "manifests")


def test_what_a_kustomization_names_is_there() -> None:
    assert [found for path in kustomization_files() for found in named(path) if not found.exists()] == []


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
