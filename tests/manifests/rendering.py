"""What Kustomize makes of the manifests, each kustomization rendered once in a process."""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cluster.binaries import kubectl

ROOT: Final = Path(__file__).parents[2]
MANIFESTS: Final = ROOT / "manifests"
NAMESPACE: Final = "crossfade"
Object = dict[str, Any]
OLDEST: Final = 21  # minor version of the first kubectl whose Kustomize knows components

# A kustomization, and components beside those that it has: together they use every component.
KUSTOMIZATIONS: Final[dict[str, tuple[Path, tuple[str, ...]]]] = {
    "root": (ROOT, ()),
    "local": (MANIFESTS / "overlays" / "local", ("gpu",)),
    "staging": (MANIFESTS / "overlays" / "staging", ()),
    "production": (MANIFESTS / "overlays" / "production", ()),
    "canary": (MANIFESTS / "overlays" / "staging", ("canary",)),
}


class Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML as Kubernetes reads it: a bare `=` is a text."""


Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:value"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str) -> list[Object]:
    """Return the objects of a YAML stream."""
    return [each for each in yaml.load_all(text, Loader) if each]


def kustomize(directory: Path) -> list[Object]:
    """Render a kustomization, or skip the test where nothing can."""
    if reason := why_not():
        pytest.skip(reason)
    done = subprocess.run(
        [kubectl(), "kustomize", str(directory)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


@cache
def why_not() -> str:
    """Return why nothing can be rendered, "" if it can."""
    if not kubectl():
        return "kubectl is not installed; docs/kubernetes.md says which one"
    told = subprocess.run(
        [kubectl(), "version", "--client"], capture_output=True, text=True, check=False
    ).stdout
    number = re.search(r"v1\.(\d+)", told)
    is_new = number is not None and int(number[1]) >= OLDEST
    return "" if is_new else f"kubectl 1.{OLDEST} or newer is needed: older ones know no components"


@cache
def rendered(name: str) -> tuple[Object, ...]:
    """Return the objects of one of `KUSTOMIZATIONS`; whoever changes them copies them first."""
    directory, components = KUSTOMIZATIONS[name]
    if not components:
        return tuple(kustomize(directory))
    with tempfile.TemporaryDirectory() as made:
        place = Path(made).resolve()
        told = {
            "resources": [os.path.relpath(directory, place)],
            "components": [os.path.relpath(MANIFESTS / "components" / each, place) for each in components],
        }
        (place / "kustomization.yaml").write_text(yaml.safe_dump(told), "utf-8")
        return tuple(kustomize(place))


def of_kind(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """Return the objects of a kind by their names."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def kustomization_files() -> list[Path]:
    """Return all kustomizations of the repository."""
    outside = [ROOT / "kustomization.yaml", ROOT / "monitoring" / "dashboards" / "kustomization.yaml"]
    return [*outside, *sorted(MANIFESTS.rglob("kustomization.yaml"))]
