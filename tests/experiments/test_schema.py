"""The committed schemas are what the spec says; both refuse what the reader refuses, at the same place."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pydantic
import pytest
import yaml

from crossfade.cli.main import main
from crossfade.experiments.schema import custom_resource_definition, json_schema
from crossfade.experiments.spec import Experiment
from tests.experiments.test_spec import WRONG, manifest

COMMITTED = Path(__file__).parents[2] / "manifests" / "crds"
# What no schema of one field can say.
BETWEEN_FIELDS = {
    "no control",
    "unnamed",
    "falling",
    "nothing",
    "no control users",
    "two roles",
    "step",
    "control's service",
    "control's policy",
}


def closed(schema: Any) -> Any:
    """Turn the structural schema into a JSON Schema that refuses unknown keys, as `kubectl --validate=strict` does."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: closed(each) for key, each in schema.items()}
    for bound in ("minimum", "maximum"):
        if told.pop(f"exclusive{bound.capitalize()}", False) is True:
            told[f"exclusive{bound.capitalize()}"] = told.pop(bound)
    if told.pop("nullable", False) is True:
        told["type"] = [told["type"], "null"]
    if isinstance(told.get("properties"), dict) and told.get("type") == "object":
        told["additionalProperties"] = False
    return told


def crd() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(custom_resource_definition())
    return told


def of_kubernetes() -> dict[str, Any]:
    found: dict[str, Any] = closed(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return found


def test_the_committed_files_are_what_the_spec_says(capsys: pytest.CaptureFixture[str]) -> None:
    for words, name in (([], "experiment.schema.json"), (["--crd"], "experiments.yaml")):
        assert main(["experiment", "schema", *words]) == 0
        told = capsys.readouterr().out
        assert told == (COMMITTED / name).read_text("utf-8"), (
            f"If this is meant, run: crossfade experiment schema {' '.join(words)} > manifests/crds/{name}"
        )


def test_the_manifest_of_the_docs_fits_both() -> None:
    page = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text("utf-8")
    told = yaml.safe_load(page[page.index("    apiVersion:") :].split("\n\n")[0])
    for each in (told, manifest(), Experiment.model_validate(told).model_dump(mode="json", by_alias=True)):
        jsonschema.validate(each, json_schema(), jsonschema.Draft202012Validator)
        jsonschema.validate(each, of_kubernetes(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", sorted(WRONG.keys() - BETWEEN_FIELDS - {"duration"}))
def test_what_the_reader_refuses_both_refuse_at_the_same_field(name: str) -> None:
    told = WRONG[name][0]
    with pytest.raises(pydantic.ValidationError) as refused:
        Experiment.model_validate(told)
    place = list(refused.value.errors()[0]["loc"])
    # Of metadata the definition may say nothing; the API server has its own rules for it. A policy's values have no one type.
    is_told = place[0] != "metadata" and "policy" not in place
    for schema in (json_schema(), *([of_kubernetes()] if is_told else [])):
        error = jsonschema.Draft202012Validator(schema).iter_errors(told).__next__()
        if error.context:  # X or null: what is wrong with X
            error = error.context[0]
        parent = place[:-1] if error.validator == "additionalProperties" else place
        assert list(error.absolute_path) == parent


def test_kubernetes_refuses_a_duration_that_is_none() -> None:
    with pytest.raises(jsonschema.ValidationError) as found:
        jsonschema.validate(WRONG["duration"][0], of_kubernetes())
    assert list(found.value.absolute_path) == ["spec", "ramp", 0, "minimumDuration"]


def test_the_definition_is_structural() -> None:
    """Every value has a type, nothing refers or chooses, objects are not closed, and defaults fit."""
    told = crd()
    assert told["metadata"]["name"] == f"{told['spec']['names']['plural']}.{told['spec']['group']}"
    seen = 0

    def look(schema: dict[str, Any], path: str) -> None:
        nonlocal seen
        seen += 1
        assert isinstance(schema.get("type"), str), path
        assert not schema.keys() & {"$ref", "anyOf", "const", "format", "patternProperties", "title"}, path
        assert schema.get("additionalProperties") is not False, path
        if "default" in schema:
            jsonschema.validate(schema["default"], closed(schema))
        for key, each in schema.get("properties", {}).items():
            look(each, f"{path}.{key}")
        for key in ("items", "additionalProperties"):
            if key in schema:
                look(schema[key], f"{path}.{key}")

    look(told["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "")
    assert seen > 40


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(json_schema()))["properties"]["kind"]["const"] == "Experiment"
