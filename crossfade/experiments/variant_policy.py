"""What a variant changes of its bundle's policy, as the manifest spells it: some keys of a policy file, in camel case."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from crossfade.recommender.policy import Policy
from crossfade.recommender.surfaces import default_policies
from crossfade.schema.tables import Surface

OPAQUE: Final = "x-kubernetes-preserve-unknown-fields"


class _Spelled(Policy):
    """A policy in camel case, as all of a manifest is; the base class saves us its keys and checks."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


# Stands in for the keys that a variant leaves as they are: each is checked by itself, so any sound values do.
_SOUND: Final = {
    to_camel(name): value for name, value in default_policies()[Surface.RADIO].model_dump().items()
}


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes as JSON-able values in the order of a policy's keys; pydantic's error names each key that is wrong."""
    whole = _Spelled.model_validate({**_SOUND, **changes}).model_dump(mode="json", by_alias=True)
    return {key: value for key, value in whole.items() if key in changes}


def _json_schema() -> dict[str, Any]:
    """Return the schema of changes. Kubernetes is told that it is open: a structural schema has no values of two types."""
    told = _Spelled.model_json_schema(by_alias=True)
    kept = {name: told[name] for name in ("type", "additionalProperties")}
    properties = {
        name: {key: value for key, value in each.items() if key != "default"}
        for name, each in told["properties"].items()
    }
    return {**kept, "minProperties": 1, "properties": properties, OPAQUE: True}


PolicyChanges = Annotated[
    dict[str, Any], Field(min_length=1), AfterValidator(_checked), WithJsonSchema(_json_schema())
]


def by_policy_key(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes under the names that a policy file has for them."""
    names = {to_camel(name): name for name in Policy.model_fields}
    return {names[key]: value for key, value in changes.items()}
