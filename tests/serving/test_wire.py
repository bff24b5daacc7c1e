"""Whatever comes over the wire is answered, or refused with one sentence."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossfade.schema.tables import Surface
from tests.serving.asking import INFER, PREDICT, ids, predict
from tests.serving.conftest import Served

WRONG: list[tuple[object, str]] = [
    ({"surface": "jukebox"}, "Surface 'jukebox' does not exist; choose one of: discover_weekly"),
    ({}, "surface is missing"),
    ({"surface": "radio", "k": 0}, "k=0 must be a whole number from 1 to 200"),
    ({"surface": "radio", "k": 10_000}, "k=10000 must be a whole number from 1 to 200"),
    ({"surface": "radio", "k": "ten"}, "k='ten' must be a whole number"),
    ({"surface": "radio", "k": True}, "k=True must be a whole number"),
    ({"surface": "radio", "explain": 1}, "explain=1 must be true or false"),
    ({"surface": 7}, "Surface 7 does not exist"),
    ({"surface": "radio", "session": "r01"}, "session='r01'"),
    ({"surface": "radio", "session": [{"track_id": "r01", "played_share": 2}]}, "played_share=2"),
    ({"surface": "radio", "time": "yesterday"}, "time='yesterday'"),
    ({"surface": "radio", "genre": "rock"}, "unknown key genre; known: request_id, surface"),
    ({"surface": "radio", "seed_track": "nope"}, "seed_track 'nope' is not in the bundle's catalogue"),
    ({"surface": "radio", "user_id": 7}, "user_id=7"),
    ([], "needs an object"),
    (None, "needs an object"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "sentence"), WRONG)
def test_a_wrong_request_is_a_400_with_one_sentence(served: Served, request_: object, sentence: str) -> None:
    for response in (
        predict(served, request_),
        served.gateway.post("/v1/recommend", content=json.dumps(request_)),
    ):
        assert response.status_code == 400
        assert sentence in response.json()["error"]
        assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PREDICT, b'{"instances": [', 400),
        (PREDICT, b"[]", 400),
        (PREDICT, b'{"instances": []}', 400),
        (PREDICT, b'{"instances": {}}', 400),
        (PREDICT, orjson.dumps({"instances": [{"surface": "radio"}] * 65}), 400),
        (PREDICT, b"\xff\xfe", 400),
        (PREDICT, b" " * (10 << 20), 413),
        (INFER, b"", 400),
        (INFER, b'{"inputs": []}', 400),
        (INFER, b'{"inputs": [{"name": "requests", "shape": [1], "datatype": "BYTES", "data": ["{"]}]}', 400),
        (INFER, b'{"inputs": [{"name": "requests", "shape": [1], "datatype": "INT32", "data": [1]}]}', 400),
        (
            INFER,
            b'{"inputs": [{"name": "requests", "shape": [2], "datatype": "BYTES", "data": ["{}"]}]}',
            400,
        ),
        ("/v1/models/other:predict", b'{"instances": [{"surface": "radio"}]}', 404),
        ("/v2/repository/models/crossfade/unload", b"", 501),
    ],
)
def test_a_body_that_makes_no_sense_is_the_client_s_error(
    served: Served, path: str, body: bytes, status: int
) -> None:
    response = served.recommender.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert isinstance(response.json()["error"], str)
    assert "Traceback" not in response.text
    assert ".py" not in response.text


def test_json_with_a_charset_is_json(served: Served) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    body = b'{"instances": [{"surface": "radio"}]}'
    assert served.recommender.post(PREDICT, content=body, headers=headers).status_code == 200


EVENT = {"specversion": "1.0", "id": "1", "type": "ask", "source": "/here", "time": "2026-11-27T12:00:00Z"}
ASKED = {"instances": [{"surface": "radio", "request_id": "event", "k": 2, "session": ["r01"]}]}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, {**EVENT, "data": ASKED}),
        ({"content-type": "application/json", **{f"ce-{key}": EVENT[key] for key in EVENT}}, ASKED),
        ({"content-type": "application/octet-stream"}, ASKED),
        ({}, ASKED),
    ],
)
def test_cloud_events_and_other_bodies_get_what_plain_json_gets(
    served: Served, headers: dict[str, str], body: object
) -> None:
    response = served.recommender.post(PREDICT, content=json.dumps(body), headers=headers)
    assert response.status_code == 200
    assert response.json() == predict(served, *ASKED["instances"]).json()


def test_the_gateway_refuses_large_and_malformed_bodies(served: Served) -> None:
    large = served.gateway.post("/v1/recommend", content=b" " * (10 << 20))
    assert (large.status_code, large.json()) == (
        413,
        {"error": "The body is larger than 256 KiB; send a shorter session or fewer requests."},
    )
    chunks = served.gateway.post("/v1/recommend", content=iter([b" " * (1 << 18)] * 2))
    assert chunks.status_code == 413
    malformed = served.gateway.post("/v1/recommend", content=b"{")
    assert malformed.status_code == 400
    assert malformed.json()["error"].startswith("The body is not JSON:")
    assert served.gateway.get("/v1/recommend").status_code == 405
    assert served.gateway.get("/nothing").status_code == 404
    assert "1 to 511 bytes" in served.gateway.get(f"/v1/users/{'x' * 600}/playlists/home").json()["error"]


TEXT = st.text(max_size=6) | st.sampled_from(["u02", "r01", "j01", "zz", "SE", "radio"])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
PLAYED = TEXT | st.fixed_dictionaries(
    {"track_id": TEXT}, optional={"played_share": st.floats(-1, 2) | VALUES}
)
WELL = {
    "user_id": TEXT,
    "k": st.integers(-1, 300),
    "session": st.lists(PLAYED, max_size=4),
    "seed_track": TEXT,
    "country": TEXT,
    "time": st.datetimes().map(str) | st.integers() | TEXT,
    "exclude": st.lists(TEXT, max_size=3),
    "device": TEXT,
    "shuffle": st.booleans(),
    "context": TEXT,
    "artists": st.lists(TEXT, max_size=2),
    "genres": st.lists(TEXT, max_size=2),
}
REQUESTS = st.fixed_dictionaries({"surface": st.sampled_from(list(Surface))}, optional=WELL)
ODD = st.dictionaries(
    st.sampled_from([*WELL, "surface", "x"]), VALUES | st.lists(VALUES, max_size=2), max_size=4
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=REQUESTS | ODD)
def test_any_request_is_answered_or_refused_and_nothing_breaks(
    served: Served, request: dict[str, Any]
) -> None:
    body = json.dumps(request).encode("utf-8", "surrogatepass")  # NaN included, as careless clients send it
    response = served.gateway.post("/v1/recommend", content=body)
    assert response.status_code in (200, 400), response.text
    if response.status_code == 200:
        found = response.json()
        assert found["fallback"] is None
        assert len(found["tracks"]) <= (request.get("k") or 100)
        assert len(set(ids(found))) == len(found["tracks"])
    else:
        assert set(response.json()) == {"error"}
