"""The manifest's JSON Schema and its Kubernetes definition, both made from the one spec.

A structural schema (Kubernetes, "Specify a structural schema") has no references, alternatives or closed objects, spells
exclusive bounds as OpenAPI 3.0 does, and reads durations as Go does. Rules between fields are not in it, nor what a policy may
hold: Crossfade checks them.
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from crossfade.experiments.spec import Experiment
from crossfade.experiments.variant_policy import OPAQUE

GROUP, VERSION, PLURAL = "crossfade.dev", "v1alpha1", "experiments"
# What both languages mean alike.
KEPT: Final = (
    "type",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "minItems",
    "required",
    "default",
)
ISO_DURATION: Final = "^P([0-9]+W|[0-9]+D(T[0-9HMS]+)?|T[0-9HMS]+)$"  # in RE2, which Kubernetes uses
COLUMNS: Final = {"Surface": ".spec.surface", "Step": ".status.step", "Owner": ".spec.owner"}


def json_schema() -> dict[str, Any]:
    """Return the manifest's JSON Schema (draft 2020-12), for editors and for checks before a commit."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Experiment.model_json_schema(by_alias=True),
    }


def custom_resource_definition() -> str:
    """Return the CustomResourceDefinition as YAML.

    `status` is no subresource: the rollout writes it in Git like the rest, and a subresource would be dropped on applying.
    """
    schema = json_schema()
    root = structural(schema, schema["$defs"])
    root["properties"]["metadata"] = {"type": "object"}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "additionalPrinterColumns": [
            {"name": name, "type": "integer" if name == "Step" else "string", "jsonPath": path}
            for name, path in COLUMNS.items()
        ],
    }
    names = {"kind": "Experiment", "listKind": "ExperimentList", "plural": PLURAL, "singular": "experiment"}
    told = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }
    return yaml.safe_dump(told, sort_keys=False, width=120)


def structural(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a JSON Schema of pydantic's into a structural one.

    Args:
        schema: Of one value.
        shared: What its references name, pydantic's `$defs`.
    """
    if "$ref" in schema:
        meant = shared[schema["$ref"].rpartition("/")[2]]
        return structural({**meant, **{key: schema[key] for key in schema if key != "$ref"}}, shared)
    if "anyOf" in schema:  # pydantic writes an optional value as X or null
        (meant,) = (each for each in schema["anyOf"] if each.get("type") != "null")
        about = {key: schema[key] for key in schema if key not in ("anyOf", "default")}
        return structural({**about, **meant}, shared) | {"nullable": True}
    if schema.get(OPAQUE):
        return {"type": schema["type"], OPAQUE: True}
    told: dict[str, Any] = {key: schema[key] for key in KEPT if schema.get(key) is not None}
    if description := schema.get("description"):
        told["description"] = description.partition("\n")[0]
    if "const" in schema:
        told["enum"] = [schema["const"]]
    told |= _bounds(schema) | _inner(schema, shared)
    if schema.get("format") == "duration":
        told["pattern"] = ISO_DURATION
    if isinstance(told.get("default"), Mapping):
        told["default"] = {key: value for key, value in told["default"].items() if value is not None}
    return told


def _bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return exclusive bounds as OpenAPI 3.0 spells them."""
    told: dict[str, Any] = {}
    for bound in ("minimum", "maximum"):
        exclusive = f"exclusive{bound.capitalize()}"
        if exclusive in schema:
            told |= {bound: schema[exclusive], exclusive: True}
    return told


def _inner(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of an object's properties, a map's values or a list's items."""
    told: dict[str, Any] = {}
    if "properties" in schema:
        told["properties"] = {key: structural(each, shared) for key, each in schema["properties"].items()}
    elif isinstance(schema.get("additionalProperties"), Mapping):
        told["additionalProperties"] = structural(schema["additionalProperties"], shared)
    elif "patternProperties" in schema:
        (values,) = schema["patternProperties"].values()
        told["additionalProperties"] = structural(values, shared)
    if "items" in schema:
        told["items"] = structural(schema["items"], shared)
    return told
