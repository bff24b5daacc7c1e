"""How tests ask the running services."""

from typing import Any

import httpx

from tests.serving.conftest import Served

PREDICT = "/v1/models/crossfade:predict"
INFER = "/v2/models/crossfade/infer"


def predict(served: Served, *requests: object) -> httpx.Response:
    return served.recommender.post(PREDICT, json={"instances": list(requests)})


def slate(served: Served, **request: object) -> dict[str, Any]:
    response = predict(served, request)
    assert response.status_code == 200, response.text
    (found,) = response.json()["predictions"]
    assert isinstance(found, dict)
    return found


def recommend(served: Served, **request: object) -> dict[str, Any]:
    response = served.gateway.post("/v1/recommend", json=request)
    assert response.status_code == 200, response.text
    found = response.json()
    assert isinstance(found, dict)
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [track["track_id"] for track in found["tracks"]]
