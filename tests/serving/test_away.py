"""Disks that are full, stores and bundles that cannot be read: the listener notices a fallback at most."""

import asyncio
import json
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import EXPOSURES_DROPPED, SERVING_METRICS
from crossfade.store import embedded
from crossfade.store.embedded import TRIES, EmbeddedStore
from serving.gateway.champion import Champion
from serving.gateway.exposures import FileSink
from tests.serving import places
from tests.serving.gateways import NOWHERE, Gateway, chosen, ids, in_loop


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_half_a_line_of_a_full_disk_costs_no_later_line(tmp_path: Path) -> None:
    exposition = Exposition(SERVING_METRICS)
    sink = FileSink(tmp_path / "log", exposition)
    sink.write([("u", b'{"event_id": 1}\n')])
    with files_of_at_most(24):
        sink.write([("u", b'{"event_id": 2}\n')])
    sink.write([("u", b'{"event_id": 3}\n')])
    first, torn, last = (tmp_path / "log").read_bytes().splitlines()
    assert (json.loads(first), torn, json.loads(last)) == ({"event_id": 1}, b'{"event_', {"event_id": 3})
    assert f"{EXPOSURES_DROPPED.name} 1.0" in exposition.text().decode()


def test_a_store_that_cannot_be_read_is_a_fallback(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")  # neither there nor missing

    async def test(gateway: Gateway) -> None:
        for _ in range(4):
            url = f"/v1/users/{places.STORED_USER}/playlists/discover-weekly"
            response = await gateway.client.get(url)
            assert (response.status_code, response.json()["fallback"]) == (200, "popular")
        assert not gateway.parts.stored.is_well

    in_loop(workspace, test, url=NOWHERE, store=EmbeddedStore(tmp_path / "store"))


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_live_generation_that_is_away_is_waited_for_beside_the_event_loop(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    store = EmbeddedStore(tmp_path / "store")
    places.publish(store, "b" * 64)
    generation, away = tmp_path / "store" / places.SURFACE / "g1", tmp_path / "away"
    sleepers: list[int] = []

    def noted(seconds: float) -> None:
        sleepers.append(threading.get_ident())
        if comes_back:
            away.rename(generation)
        time.sleep(seconds)

    async def test(gateway: Gateway) -> None:
        url = f"/v1/users/{places.STORED_USER}/playlists/discover-weekly"
        assert (await gateway.client.get(url)).json()["fallback"] is None
        generation.rename(away)
        found = await asyncio.gather(*(gateway.client.get(url) for _ in range(8)))
        assert {each.json()["fallback"] for each in found} == {None if comes_back else "popular"}
        assert gateway.parts.stored.is_well is comes_back

    monkeypatch.setattr(embedded, "time", SimpleNamespace(sleep=noted))
    in_loop(workspace, test, url=NOWHERE, store=store)
    assert threading.get_ident() not in sleepers
    # One waits for all who ask, or two where the machine is slow.
    assert 0 < len(sleepers) <= (1 if comes_back else 2 * TRIES)


def test_a_champion_that_cannot_be_read_is_passed_over_and_the_next_one_followed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    champion = Champion(None, workspace)
    looks = 0

    def unreadable(_: Workspace) -> Path:
        nonlocal looks
        looks += 1
        raise PermissionError("No.")

    async def followed() -> None:
        following = asyncio.create_task(champion.follow(0.01))
        while looks < 3:
            assert not following.done()
            await asyncio.sleep(0.01)
        following.cancel()

    monkeypatch.setattr(Workspace, "champion", unreadable)
    asyncio.run(asyncio.wait_for(followed(), 10))
    assert "Popular tracks stay those of bundle" in caplog.text


def test_what_stands_in_says_so_by_its_slate_s_id_and_its_generation(workspace: Workspace) -> None:
    bundle = workspace.champion_digest()
    request = {"surface": "release_radar", "user_id": "stranger", "request_id": "again"}

    async def test(gateway: Gateway) -> None:
        popular = await gateway.recommend(**request)
        assert (popular["fallback"], popular["bundle"]) == ("popular", bundle)
        stored = await gateway.recommend(surface="home", user_id=places.STORED_USER)
        assert (stored["fallback"], stored["generation"], "bundle" in stored) == ("stored", "g1", False)
        assert ids(stored) == list(places.STORED_TRACKS)
        told.append(popular["slate_id"])

    told: list[str] = []
    in_loop(workspace, test, url=NOWHERE)
    from serving.recommender.wire import asked_of, slate_id

    own = slate_id(str(bundle), asked_of(request, "request", chosen()), None)
    assert told != [own]
