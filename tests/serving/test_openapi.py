"""The gateway keeps to its own document: whatever the document allows, or nearly so, is answered as it says."""

from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.gateway.openapi import document
from tests.serving.conftest import Served

DOCUMENT = document()
SCHEMAS = DOCUMENT["components"]["schemas"]
NEAR = st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(-2, 2) | st.text(max_size=4)
KNOWN = st.sampled_from(["u02", "r01", "j02", "SE", "zz"]) | st.text(min_size=1, max_size=5)


def allowed(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema, as far as this document's schemas go."""
    if "$ref" in schema:
        return allowed(SCHEMAS[schema["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in schema:
        return st.one_of([allowed(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "object":
        return _objects(schema)
    if schema.get("type") == "array":
        return st.lists(allowed(schema["items"]), max_size=3)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": st.datetimes().map(str) if schema.get("format") == "date-time" else KNOWN,
        "integer": st.integers(schema.get("minimum", 0), 40),
        "number": st.floats(schema.get("minimum", 0), schema.get("maximum", 100)),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return kinds[schema["type"]]


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: allowed(each) for name, each in schema.get("properties", {}).items()}
    needed = set(schema.get("required", ()))
    if not fields:
        names = allowed(schema.get("propertyNames", {"type": "string"}))
        return st.dictionaries(
            names, allowed(schema.get("additionalProperties", {"type": "number"})), max_size=3
        )
    return st.fixed_dictionaries(
        {name: each for name, each in fields.items() if name in needed},
        optional={name: each for name, each in fields.items() if name not in needed},
    )


def nearly(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects of a schema in which a value may be of any kind."""
    names = st.sampled_from([*schema["properties"], "other"])
    return st.tuples(
        allowed(schema), st.dictionaries(names, NEAR | st.lists(NEAR, max_size=2), max_size=2)
    ).map(lambda both: {**both[0], **both[1]})


def require_kept(found: Any, path: str, method: str, status: int) -> None:
    """Hold an answer to what the document says of its status."""
    (content,) = DOCUMENT["paths"][path][method]["responses"][str(status)]["content"].values()
    jsonschema.validate(found, {**content["schema"], "components": DOCUMENT["components"]})


POSTS = {"/v1/recommend": "Request", "/v1/home": "ScreenRequest"}


@pytest.mark.parametrize("path", POSTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_document_allows_or_nearly_so_is_answered_as_it_says(
    served: Served, path: str, data: st.DataObject
) -> None:
    schema = SCHEMAS[POSTS[path]]
    body = data.draw(st.one_of(allowed(schema), nearly(schema)))
    response = served.gateway.post(path, content=orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS))
    require_kept(response.json(), path, "post", response.status_code)
    assert "Traceback" not in response.text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=KNOWN, surface=st.sampled_from(["discover-weekly", "radio", "home", "jukebox"]), track=KNOWN)
def test_paths_keep_to_the_document_too(served: Served, user: str, surface: str, track: str) -> None:
    for path, params in (
        ("/v1/users/{user}/playlists/{surface}", {"surface": surface}),
        ("/v1/users/{user}/why/{track}", {"track": track}),
    ):
        parts = {"user": user, **params}
        if any("/" in part or part in (".", "..") for part in parts.values()):
            continue  # another path
        url = path
        for name, part in parts.items():
            url = url.replace(
                f"{{{name}}}", "".join(f"%{byte:02X}" for byte in part.encode("utf-8", "surrogatepass"))
            )
        response = served.gateway.get(url)
        if response.status_code != 404 or "why" in path:
            require_kept(response.json(), path, "get", response.status_code)


def test_every_path_of_the_document_is_a_route_and_every_reference_leads_somewhere(served: Served) -> None:
    assert served.gateway.get("/openapi.json").json() == orjson.loads(orjson.dumps(DOCUMENT))
    text = orjson.dumps(DOCUMENT).decode()
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(SCHEMAS)
    for path, methods in DOCUMENT["paths"].items():
        url = path.format(user="u02", surface="home", track="r01", slate="s")
        for method in methods:
            assert served.gateway.request(method, url).status_code not in (404, 405), path
