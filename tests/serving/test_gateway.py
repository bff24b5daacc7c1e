"""The gateway when its parts are away, slow or talk nonsense: a marked fallback, never an error page."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import EXPOSURES_DROPPED, FALLBACKS, SERVING_METRICS
from crossfade.store.redis_store import RedisStore
from serving.gateway.champion import Champion
from serving.gateway.exposures import Exposures, FileSink
from tests.recommender import world
from tests.redis_server import running_redis
from tests.serving import places
from tests.serving.gateways import Gateway, chosen, ids, in_loop, service

PLAYLIST = f"/v1/users/{places.STORED_USER}/playlists/discover-weekly"


def test_without_the_recommender_the_stored_slate_stands_in_and_else_what_is_popular(
    workspace: Workspace,
) -> None:
    async def test(gateway: Gateway) -> None:
        left_out = {"session": ["r00"], "exclude": ["r01"], "k": 5}
        found = await gateway.recommend(user_id=places.STORED_USER, surface="radio", **left_out)
        assert (found["fallback"], ids(found)) == ("stored", ["r02", "r03", "r04", "r05", "r06"])
        # New releases are no weekly playlist; a stranger has none.
        for request in ({"user_id": places.STORED_USER, "surface": "release_radar"}, {"surface": "home"}):
            found = await gateway.recommend(**request)
            assert (found["fallback"], bool(found["tracks"])) == ("popular", True)
        here = {
            country: ids(await gateway.recommend(surface="home", country=country, k=8))
            for country in ("SE", "NO")
        }
        # Rock is heard in Sweden and jazz in Norway.
        assert sum(track.startswith("r") for track in here["SE"]) > sum(
            track.startswith("r") for track in here["NO"]
        )
        playlist = (await gateway.client.get(PLAYLIST)).json()
        assert (playlist["fallback"], ids(playlist)) == (None, list(places.STORED_TRACKS))
        ready = (await gateway.client.get("/readyz")).json()
        assert ready["well"] == {"recommender": False, "store": True}
        why = await gateway.client.get("/v1/users/u02/why/r01")
        assert (why.status_code, why.json()) == (
            503,
            {"error": "the recommender does not answer (UNAVAILABLE)"},
        )
        text = gateway.exposition.text().decode()
        assert f'{FALLBACKS.name}{{answer="stored"}} 1.0' in text
        assert f'{FALLBACKS.name}{{answer="popular"}} 4.0' in text

    in_loop(workspace, test)


NONSENSE: list[tuple[int, bytes]] = [
    (200, b"<html>"),
    (200, b"{}"),
    (200, b"[]"),
    (200, b'{"predictions": []}'),
    (200, b'{"predictions": [{"tracks": [{"track_id": 7}], "slate_id": "s", "fallback": null}]}'),
    (200, b'{"predictions": [{"tracks": [], "slate_id": 1, "fallback": null}]}'),
    (200, b'{"predictions": [{"tracks": {}, "slate_id": "s", "fallback": null}]}'),
    (200, b'{"predictions": [{"tracks": [{"track_id": "t"}], "slate_id": "s", "fallback": null}]}'),
    (
        200,
        b'{"predictions": [{"tracks": [{"track_id": "t", "propensity": "a,b"}], "slate_id": "s", "fallback": null}]}',
    ),
    (500, b'{"error": "x"}'),
    (503, b"{}"),
]


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_from_the_recommender_is_a_fallback(workspace: Workspace, answer: tuple[int, bytes]) -> None:
    async def test(gateway: Gateway) -> None:
        found = await gateway.recommend(user_id=places.STORED_USER, surface="home")
        assert (found["fallback"], found["user_id"]) == ("stored", places.STORED_USER)

    with service(lambda: answer) as url:
        in_loop(workspace, test, url=url)


def test_the_recommender_s_own_fallback_gives_way_to_a_stored_slate(workspace: Workspace) -> None:
    async def test(gateway: Gateway) -> None:
        assert (await gateway.recommend(user_id=places.STORED_USER, surface="home"))["fallback"] == "stored"
        assert gateway.parts.variants.control.is_well

    answer = {"predictions": [{"tracks": [], "slate_id": "s", "fallback": "popular"}]}
    with service(lambda: (200, json.dumps(answer).encode())) as url:
        in_loop(workspace, test, url=url)


def test_a_client_error_of_the_recommender_is_the_client_s(workspace: Workspace) -> None:
    async def test(gateway: Gateway) -> None:
        response = await gateway.client.post("/v1/recommend", json={"surface": "home"})
        assert (response.status_code, response.json()) == (400, {"error": "No such seed."})

    with service(lambda: (400, b'{"error": "No such seed."}')) as url:
        in_loop(workspace, test, url=url)


def test_a_slow_recommender_costs_its_budget_at_most_and_then_nothing(workspace: Workspace) -> None:
    calls: list[float] = []

    def slowly() -> tuple[int, bytes]:
        calls.append(time.monotonic())
        time.sleep(0.4)
        return 200, b"{}"

    async def test(gateway: Gateway) -> None:
        for _ in range(3):
            started = time.monotonic()
            assert (await gateway.recommend(surface="home"))["fallback"] == "popular"
            assert time.monotonic() - started < 0.3
        left_alone, known = time.monotonic(), len(calls)
        for _ in range(20):
            await gateway.recommend(surface="home")
        # It is left alone: one try in every 300 ms, however long this machine takes for 20 requests.
        assert len(calls) <= known + 1 + (time.monotonic() - left_alone) / 0.3
        known = len(calls)
        await asyncio.sleep(0.35)
        await gateway.recommend(surface="home")
        assert len(calls) == known + 1  # and tried again

    with service(slowly) as url:
        in_loop(workspace, test, url=url, settings=chosen("budget_ms=100", "retry_ms=300"))


def test_redis_gone_is_a_marked_fallback_and_redis_back_is_served_within_two_seconds(
    workspace: Workspace, tmp_path: Path
) -> None:
    digest = workspace.champion_digest()
    assert digest is not None

    async def test(gateway: Gateway) -> None:
        async def playlist() -> tuple[str | None, bool]:
            started = time.monotonic()
            response = await gateway.client.get(PLAYLIST)
            assert response.status_code == 200
            assert time.monotonic() - started < 0.5
            found = response.json()
            return found["fallback"], ids(found) == list(places.STORED_TRACKS)

        assert await playlist() == (None, True)
        await asyncio.to_thread(redis_server.stop)
        for _ in range(30):
            assert await playlist() == ("popular", False)
        assert not gateway.parts.stored.is_well
        await asyncio.to_thread(redis_server.start)
        started = time.monotonic()
        while await playlist() != (None, True):
            assert time.monotonic() - started < 2
            await asyncio.sleep(0.05)

    with running_redis(tmp_path) as redis_server:
        places.publish(RedisStore(redis_server.url), digest)
        in_loop(workspace, test, store=RedisStore(redis_server.url, timeout_ms=50))


def test_a_client_that_asks_too_often_is_told_so(workspace: Workspace) -> None:
    async def test(gateway: Gateway) -> None:
        statuses = [(await gateway.client.get(PLAYLIST)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await gateway.client.get("/healthz")).status_code == 200

    in_loop(workspace, test, settings=chosen("burst_requests=3", "requests_per_second=0.001"))


def test_exposures_are_dropped_and_counted_when_writing_fails_or_waits(tmp_path: Path) -> None:
    exposition = Exposition(SERVING_METRICS)
    slate = {"slate_id": "s", "surface": "home", "tracks": [{"track_id": "t", "propensity": 1.0}]}
    exposures = Exposures(FileSink(tmp_path / "nowhere" / "log", exposition), 10, exposition)
    exposures.log("u", slate)
    exposures.close()
    for _ in range(12):  # nobody takes them any more
        exposures.log("u", slate)
    assert f"{EXPOSURES_DROPPED.name} 3.0" in exposition.text().decode()


@pytest.mark.parametrize(
    "ids",
    [["plain", 'x",', '","', "\\", "ö\u2028\x00", "%b", "last"], ["plain", "a,b", ",", "ö", "%b", "[]", ""]],
)
def test_lines_of_exposures_are_json_whatever_ids_hold(tmp_path: Path, ids: list[str]) -> None:
    exposition = Exposition(SERVING_METRICS)
    chances = (1.0, None, 0.25)
    tracks = [{"track_id": name, "propensity": chances[place % 3]} for place, name in enumerate(ids)]
    exposures = Exposures(FileSink(tmp_path / "log", exposition), 10, exposition)
    exposures.log('u"%s', {"slate_id": 's"%d', "surface": "home", "tracks": tracks})
    exposures.log("u", {"slate_id": "empty", "surface": "home", "tracks": []})
    exposures.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_bytes().split(b"\n") if line]
    assert [(line["track_id"], line["propensity"], line["position"]) for line in lines] == [
        (track["track_id"], track["propensity"], place) for place, track in enumerate(tracks)
    ]
    assert {(line["user_id"], line["slate_id"]) for line in lines} == {('u"%s', 's"%d')}
    assert [line["event_id"] for line in lines] == [f's"%d-{place}' for place in range(len(ids))]


def test_an_own_fault_tells_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(gateway: Gateway) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(gateway.parts.champion.popular.__class__, "slate", broken)
        response = await gateway.client.post("/v1/recommend", json={"surface": "home"})
        assert (response.status_code, response.json()) == (
            500,
            {"error": "The gateway failed; it has noted why."},
        )

    in_loop(workspace, test)


def test_popular_tracks_follow_the_champion(workspace: Workspace) -> None:
    champion = Champion(None, workspace)
    assert champion.popular.bundle == workspace.champion_digest()
    assert set(champion.popular.by_country) == {"", "SE", "NO"}
    artists = [track["artist"] for track in champion.popular.slate("SE", 30)]
    assert max(artists.count(artist) for artist in artists) == 3
    assert champion.popular.slate("nowhere", 5) == champion.popular.slate(None, 5)
    # Everywhere both are popular; who asks for jazz gets it first, and rock afterwards.
    jazz = [str(track["track_id"])[0] for track in champion.popular.slate(None, 30, genres=["J"])]
    assert jazz == sorted(jazz)
    assert set(jazz) == {"j", "r"}
    assert len(world.tracks()) >= len(champion.popular.by_country[""])
