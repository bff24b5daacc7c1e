"""A playlist that goes the short way is answered as by the application."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import httpx
import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.serving_settings import ServingSettings
from serving.gateway.app import is_playlist
from serving.short_way import Call, Reply, ShortWay
from tests.serving import places
from tests.serving.conftest import LOOPBACK
from tests.serving.gateways import PATIENT, Gateway, chosen, in_loop
from tests.serving.listening import listening

SHORT = f"/v1/users/{places.STORED_USER}/playlists/discover-weekly"
LONG = SHORT.replace("/u", "/%75", 2).replace("%75sers", "users")

Ask = Callable[..., Awaitable[httpx.Response]]


def counting(short: ShortWay, answered: list[bytes]) -> ShortWay:
    """Return a short way that notes whom it answers."""

    async def noted(call: Call) -> Reply:
        answered.append(call.url)
        return await short.reply(call)

    return replace(short, reply=noted)


def asked(
    workspace: Workspace,
    test: Callable[[Ask, Gateway], Awaitable[None]],
    settings: ServingSettings = PATIENT,
) -> None:
    async def run(gateway: Gateway) -> None:
        answered: list[bytes] = []
        async with (
            listening(gateway.app, counting(gateway.short, answered)) as port,
            httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as client,
        ):

            async def ask(
                url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
            ) -> httpx.Response:
                answered.clear()
                found = await client.request(method, url, headers=headers)
                is_short = method == "GET" and "%75" not in url
                assert answered == ([url.encode()] if is_short else [])  # who answered
                return found

            await test(ask, gateway)

    in_loop(workspace, run, settings=settings)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("?country=SE&time_zone=Europe%2FStockholm", 200),
        ("?country=&time_zone=", 200),
        ("?time_zone=Atlantis", 400),
        ("?", 200),
    ],
)
def test_both_ways_answer_alike(workspace: Workspace, query: str, status: int) -> None:
    async def test(ask: Ask, gateway: Gateway) -> None:
        short, long = await ask(SHORT + query), await ask(LONG + query)
        assert (short.status_code, short.content) == (long.status_code, long.content)
        assert short.status_code == status
        assert (status != 200) or [track["track_id"] for track in short.json()["tracks"]] == list(
            places.STORED_TRACKS
        )
        kept = [
            {name: value for name, value in found.headers.items() if name != "date"}
            for found in (short, long)
        ]
        assert kept[0] == kept[1]
        assert f'route="playlist",status="{status}"}} 2.0' in gateway.exposition.text().decode()

    asked(workspace, test)


# The second has no stored playlist.
@pytest.mark.parametrize("user", [places.STORED_USER, "u02"])
def test_head_is_answered_as_get_and_nothing_counts_as_shown(workspace: Workspace, user: str) -> None:
    async def test(ask: Ask, gateway: Gateway) -> None:
        gateway.shown.unlink(missing_ok=True)
        for url in (SHORT, LONG):
            of_user = url.replace(places.STORED_USER[1:], user[1:])
            head, get = await ask(of_user, method="HEAD"), await ask(of_user)
            assert (head.status_code, head.content) == (200, b"")
            assert dict(head.headers) | {"date": ""} == dict(get.headers) | {"date": ""}
        gateway.parts.exposures.close()
        shown = [json.loads(line) for line in gateway.shown.read_bytes().splitlines()]
        assert {line["user_id"] for line in shown} == {user}
        # One GET by each way.
        assert sum(line["position"] == 0 for line in shown) == 2

    asked(workspace, test)


def test_errors_are_the_same(workspace: Workspace) -> None:
    async def test(ask: Ask, _: Gateway) -> None:
        for wrong in ("/playlists/jukebox", f"{'x' * 600}/playlists/home"):
            short, long = await ask("/v1/users/u00" + wrong), await ask("/v1/users/%7500" + wrong)
            assert (short.status_code, short.content) == (long.status_code, long.content)
            assert short.status_code == 400

    asked(workspace, test)


def test_our_own_fault_is_a_500_that_tells_nothing(workspace: Workspace) -> None:
    async def test(ask: Ask, gateway: Gateway) -> None:
        gateway.parts.stored._store = None  # type: ignore[assignment]
        for url in (SHORT, LONG):
            found = await ask(url)
            assert (found.status_code, found.json()) == (
                500,
                {"error": "The gateway failed; it has noted why."},
            )

    asked(workspace, test)


def test_the_rate_is_of_the_client_that_a_proxy_tells_of(workspace: Workspace) -> None:
    async def test(ask: Ask, _: Gateway) -> None:
        for url, host in ((SHORT, "10.0.0."), (LONG, "10.0.1.")):
            one, other = {"x-forwarded-for": f"{host}1"}, {"x-forwarded-for": f"{host}2"}
            assert [(await ask(url, each)).status_code for each in (one, one, other)] == [200, 429, 200]
        # Both ways count together.
        assert [(await ask(url)).status_code for url in (SHORT, LONG, SHORT)] == [200, 429, 429]

    asked(workspace, test, chosen("requests_per_second=0.001", "burst_requests=1"))


@pytest.mark.parametrize(
    ("method", "url", "headers", "is_short"),
    [
        (b"GET", SHORT.encode(), [(b"host", b"here")], True),
        (b"GET", SHORT.encode() + b"?time_zone=Europe%2FBerlin", [], True),
        (b"HEAD", SHORT.encode(), [], False),
        (b"GET", LONG.encode(), [], False),
        (b"GET", SHORT.encode() + b"/", [], False),
        (b"GET", SHORT.encode() + b"#part", [], False),
        (b"GET", b"http://here" + SHORT.encode(), [], False),
        (b"GET", SHORT.encode().replace(b"playlists", b"why"), [], False),
        (b"GET", b"/v1/users//playlists/home", [], False),
        (b"GET", b"/v1/users/\xc3\xbc/playlists/home", [], False),
        (b"GET", SHORT.encode(), [(b"content-length", b"2")], False),
        (b"GET", SHORT.encode(), [(b"transfer-encoding", b"chunked")], False),
    ],
)
def test_what_goes_the_short_way(
    method: bytes, url: bytes, headers: list[tuple[bytes, bytes]], is_short: bool
) -> None:
    assert is_playlist(method, url, headers) is is_short
