"""Objects against Kubernetes' own schemas and those of definitions, strictly: an unknown field is an error."""

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from referencing import Registry, Resource

from tests.manifests.rendering import MANIFESTS, ROOT, Object, documents

VERSION: Final = "1.32"  # of Kubernetes; the namespace's Pod Security is of the same
DEFINITIONS: Final = ROOT.parent / "shared" / "crds"
METADATA: Final = (
    "https://kubernetes.io/api/_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
)
HEAD: Final = 2000  # characters of a definition that tell its kind
# What a structural schema says beside JSON Schema's own words.
OPEN, ANY_NUMBER = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"


def errors(thing: Object) -> list[str]:
    """Return what is wrong with an object, each with its place; skip the test where its schema is not there."""
    return list(_errors(json.dumps(thing)))


@cache
def _errors(text: str) -> tuple[str, ...]:
    """Environments have most of their objects in common, so that each is looked at once."""
    thing = json.loads(text)
    found = validator(thing["apiVersion"], thing["kind"]).iter_errors(thing)
    name = f"{thing['kind']}/{thing['metadata']['name']}"
    return tuple(f"{name} {'.'.join(map(str, each.absolute_path))}: {each.message}" for each in found)


def is_core(thing: Object) -> bool:
    """Whether an object is of one of Kubernetes' own kinds."""
    return core_schema(thing["apiVersion"], thing["kind"]) is not None


@cache
def validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    schema = core_schema(api_version, kind) or defined_schema(api_version, kind)
    return jsonschema.Draft202012Validator(schema, registry=core_registry())


@cache
def core_directory() -> Path:
    found = importlib.util.find_spec("kubernetes_validate")
    assert found is not None, "kubernetes-validate is among the development dependencies"
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / f"kubernetes-json-schema/v{VERSION}.0-local-strict"


@cache
def core_schema(api_version: str, kind: str) -> dict[str, Any] | None:
    """Return the schema of one of Kubernetes' own kinds, None for others."""
    group, _, version = api_version.rpartition("/")
    parts = [kind.lower(), *([group.partition(".")[0]] if group else []), version]
    path = core_directory() / f"{'-'.join(parts)}.json"
    return json.loads(path.read_bytes()) if path.is_file() else None


@cache
def core_registry() -> Registry[Any]:
    contents = json.loads((core_directory() / "_definitions.json").read_bytes())
    return Resource.from_contents(contents) @ Registry()


def defined_schema(api_version: str, kind: str) -> dict[str, Any]:
    """Return the schema that a definition gives a kind: ours, or one of the projects that we use."""
    if not DEFINITIONS.is_dir() and kind != "Experiment":
        pytest.skip("the definitions of KServe and others are not there (../shared/crds)")
    paths = [MANIFESTS / "crds" / "experiments.yaml", *DEFINITIONS.glob("*.yaml")]
    (path,) = (path for path in paths if defines(path, kind))
    ((definition,), version) = documents(path.read_text("utf-8")), api_version.rpartition("/")[2]
    (found,) = (each for each in definition["spec"]["versions"] if each["name"] == version)
    root = found["schema"]["openAPIV3Schema"]
    told: dict[str, Any] = closed(
        {**root, "properties": {**root["properties"], "metadata": {"$ref": METADATA}}}
    )
    return told


def defines(path: Path, kind: str) -> bool:
    """Whether a file is the definition of a kind; the largest takes a second to read, so its head is asked first."""
    with path.open(encoding="utf-8") as file:
        return f"    kind: {kind}\n" in file.read(HEAD)


def closed(schema: Any) -> Any:
    """Turn a structural schema into a JSON Schema that refuses unknown fields."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    told = {key: closed(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        told["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        if not schema.get(OPEN) and "additionalProperties" not in schema:
            told["additionalProperties"] = False
    if schema.get(ANY_NUMBER):
        told["type"] = ["integer", "string"]
    if schema.get("nullable") and isinstance(told.get("type"), str):
        told["type"] = [told["type"], "null"]
    for bound in ("Minimum", "Maximum"):  # true beside a bound in OpenAPI 3.0, a bound itself in JSON Schema
        if told.pop(f"exclusive{bound}", False):
            told[f"exclusive{bound}"] = told.pop(bound.lower())
    return told
