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

from tests.manifests.rendering import MANIFESTS, ROOT, Loader, Object, yaml

VERSION: Final = "1.32"  # of Kubernetes; the namespace's Pod Security is of the same
DEFINITIONS: Final = ROOT.parent / "shared" / "crds"
METADATA: Final = (
    "https://kubernetes.io/api/_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
)
# What a structural schema says beside JSON Schema's own words.
OPEN, ANY_NUMBER = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"


def errors(thing: Object) -> list[str]:
    """Return what is wrong with an object, each with its place; skip the test where a schema's source is missing."""
    found = validator(thing["apiVersion"], thing["kind"]).iter_errors(thing)
    name = f"{thing['kind']}/{thing['metadata']['name']}"
    return [f"{name} {'.'.join(map(str, each.absolute_path))}: {each.message}" for each in found]


@cache
def validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    schema = core_schema(api_version, kind) or defined_schemas()[api_version, kind]
    return jsonschema.Draft202012Validator(schema, registry=core_registry())


@cache
def core_directory() -> Path:
    found = importlib.util.find_spec("kubernetes_validate")
    assert found is not None, "kubernetes-validate is among the development dependencies"
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / f"kubernetes-json-schema/v{VERSION}.0-local-strict"


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


@cache
def defined_schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the schemas of all definitions by (apiVersion, kind): ours, and those of the projects that we use."""
    if not DEFINITIONS.is_dir():
        pytest.skip("the definitions of KServe and others are not there (../shared/crds)")
    found = {}
    for path in [MANIFESTS / "crds" / "experiments.yaml", *sorted(DEFINITIONS.glob("*.yaml"))]:
        if "clusterservingruntimes" in path.name or path.name.startswith("sparkop-2.5.2_sparkapp"):
            continue  # large, and of kinds that no manifest has
        spec = next(yaml.load_all(path.read_bytes(), Loader))["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            root = version["schema"]["openAPIV3Schema"]
            properties = {**root["properties"], "metadata": {"$ref": METADATA}}
            found[key] = closed({**root, "properties": properties})
    return found


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
