"""The gateway's OpenAPI document; what a request may hold comes from the class that reads it."""

from typing import Any

from crossfade.recommender.asking import Ask
from crossfade.schema import columns as c
from crossfade.schema.tables import Surface
from serving.gateway.screens import ScreenAsk
from serving.recommender.wire import EXPLAIN, REQUEST_ID, K

TEXT = {"type": "string"}
OPTIONAL_TEXT = {"type": ["string", "null"]}


def document() -> dict[str, Any]:
    """Return the document, OpenAPI 3.1."""
    request = Ask.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = request.pop("$defs", {})
    request["properties"] |= {K: {"type": "integer", "minimum": 1}, EXPLAIN: {"type": "boolean"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Crossfade gateway", "version": "1"},
        "paths": {
            "/v1/recommend": {"post": {"requestBody": _json("Request"), "responses": _answers("Slate")}},
            "/v1/home": {"post": {"requestBody": _json("ScreenRequest"), "responses": _answers("Screen")}},
            "/v1/home/{slate}/opened": {
                "post": {
                    "parameters": [_in_path("slate")],
                    "requestBody": _json("Opened"),
                    "responses": {**_answers("Noted"), "202": _answer("Noted")},
                }
            },
            "/v1/users/{user}/playlists/{surface}": {
                "get": {
                    "parameters": [
                        _in_path("user"),
                        _in_path("surface", _surfaces()),
                        _in_query(c.COUNTRY),
                        _in_query(c.TIME_ZONE),
                    ],
                    "responses": _answers("Slate"),
                }
            },
            "/v1/users/{user}/why/{track}": {
                "get": {
                    "parameters": [_in_path("user"), _in_path("track"), _in_query(c.SURFACE)],
                    "responses": {**_answers("Account"), "404": _answer("Error"), "503": _answer("Error")},
                }
            },
        },
        "components": {
            "schemas": {
                **definitions,
                "Request": request,
                "Slate": _slate(),
                "Account": {"type": "object"},
                **_screens(),
                "Error": {"type": "object", "required": ["error"], "properties": {"error": TEXT}},
            }
        },
    }


def _screens() -> dict[str, Any]:
    names = {"module": TEXT, "content_type": TEXT, c.SURFACE: OPTIONAL_TEXT}
    numbers = {c.POSITION: {"type": "integer"}, c.PROPENSITY: {"type": "number", "minimum": 0, "maximum": 1}}
    module = {"type": "object", "required": [*names, *numbers], "properties": {**names, **numbers}}
    fields = {c.SLATE_ID: TEXT, c.SURFACE: TEXT, "modules": {"type": "array", "items": module}}
    return {
        "ScreenRequest": ScreenAsk.model_json_schema(ref_template="#/components/schemas/{model}"),
        "Screen": {"type": "object", "required": list(fields), "properties": fields},
        "Opened": {"type": "object", "required": ["module"], "properties": {"module": TEXT}},
        "Noted": {"type": "object", "required": ["noted"], "properties": {"noted": {"type": "boolean"}}},
    }


def _slate() -> dict[str, Any]:
    track = {
        c.TRACK_ID: TEXT,
        c.TITLE: TEXT,
        "artist": TEXT,
        "score": {"type": "number"},
        c.SOURCE: TEXT,
        c.PROPENSITY: {"type": "number", "minimum": 0, "maximum": 1},
        c.REASON: OPTIONAL_TEXT,
    }
    required = [name for name in track if name not in (c.TITLE, "artist")]
    return {
        "type": "object",
        "required": [c.SURFACE, c.SLATE_ID, "fallback", "tracks"],
        "properties": {
            REQUEST_ID: TEXT,
            c.USER_ID: OPTIONAL_TEXT,
            c.SURFACE: TEXT,
            c.SLATE_ID: TEXT,
            c.PLAYLIST_ID: TEXT,
            "bundle": TEXT,
            "generation": TEXT,
            "fallback": {"enum": [None, "control", "stored", "popular"]},
            c.EXPERIMENT: TEXT,
            c.VARIANT: TEXT,
            "tracks": {
                "type": "array",
                "items": {"type": "object", "required": required, "properties": track},
            },
        },
    }


def _surfaces() -> dict[str, Any]:
    return {"enum": [surface.replace("_", "-") for surface in Surface]}


def _in_path(name: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema or TEXT}


def _in_query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": TEXT}


def _json(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _answer(schema: str) -> dict[str, Any]:
    return {"description": schema, **_json(schema)}


def _answers(schema: str) -> dict[str, Any]:
    refused = {str(status): _answer("Error") for status in (400, 413, 429)}
    return {"200": _answer(schema), **refused}
