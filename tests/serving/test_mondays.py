"""The gateway gives the new week to whoever has Monday already: by the request's time zone or country, or the listener's."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.store.contract import SLATES, Generation, SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.plan import KINDS
from crossfade.store.redis_store import RedisStore
from tests.redis_server import running_redis
from tests.serving import places
from tests.serving.gateways import Gateway, in_loop

# Their calendars never show the same day: it is 25 hours from one midnight to the other.
FIRST, LAST = "Pacific/Kiritimati", "Pacific/Pago_Pago"
LAST_COUNTRY = "AS"


@pytest.fixture(params=["embedded", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SlateStore]:
    if request.param == "embedded":
        yield EmbeddedStore(tmp_path / "mondays")
    else:
        with running_redis(tmp_path) as server:
            yield RedisStore(server.url)


def test_the_new_week_comes_at_the_listener_s_own_monday(workspace: Workspace, store: SlateStore) -> None:
    today = datetime.now(timezone(timedelta(hours=14))).date().isoformat()
    for name, monday in (("g1", ""), ("g2", today)):
        generation = Generation(places.SURFACE, name, "b", 0, {}, 1, 1, ("popular",), KINDS, monday=monday)
        row = {
            "user_id": "u00", "track_ids": [f"{name}-track"], "scores": [1.0], "propensities": [1.0],
            "sources": ["popular"], "reason_kinds": [KINDS[0]], "reasons": [""], "time_zone": LAST,
        }  # fmt: skip
        with store.begin(generation) as writer:
            writer.put_many(pa.Table.from_pylist([row], schema=SLATES))
        store.activate(places.SURFACE, name)

    async def test(gateway: Gateway) -> None:
        async def told(**params: str) -> httpx.Response:
            return await gateway.client.get("/v1/users/u00/playlists/discover-weekly", params=params)

        asked = ({}, {"time_zone": FIRST}, {"country": LAST_COUNTRY}, {"country": "SE", "time_zone": LAST})
        found = [(await told(**params)).json()["generation"] for params in asked]
        assert found == ["g1", "g2", "g1", "g1"]
        nowhere = await told(time_zone="Mars/Base")
        assert (nowhere.status_code, nowhere.json()["error"]) == (
            400,
            "time_zone must be one of the tz database, such as Europe/Berlin; got 'Mars/Base'.",
        )
        stand_in = await gateway.recommend(user_id="u00", surface="home")
        assert [track["track_id"] for track in stand_in["tracks"]] == ["g1-track"]

    in_loop(workspace, test, store=store)
