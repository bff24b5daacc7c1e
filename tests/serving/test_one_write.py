"""Responses in one piece over a real port: the same bytes as uvicorn's own, and nothing is kept back."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from serving.one_write import OneWrite

GET = b"GET %b HTTP/1.1\r\nHost: h\r\n%b\r\n"


async def plain(request: Request) -> Response:
    return Response(b"HTTP/1.1 body " + await request.body())


async def empty(_: Request) -> Response:
    return Response(status_code=204)


async def parts(_: Request) -> Response:
    async def told() -> Any:
        for part in (b"HTTP/1.1 one", b"two"):
            yield part
            await asyncio.sleep(0)

    return StreamingResponse(told())


async def broken(scope: Any, _: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    raise RuntimeError("planted")


def app() -> Starlette:
    routes = [Route("/plain", plain, methods=["GET", "POST"]), Route("/empty", empty), Route("/parts", parts)]
    starlette = Starlette(routes=routes)
    starlette.mount("/broken", broken)
    return starlette


def talked(protocol: Any, *said: bytes) -> list[bytes]:
    """Return what a server answers to each of what is said on one connection, read at once after a while; without dates."""

    async def run() -> list[bytes]:
        config = uvicorn.Config(
            app(), port=0, http=protocol, log_config=None, date_header=False, lifespan="off"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = []
        for each in said:
            writer.write(each)
            await asyncio.sleep(0.1)
            found.append(await asyncio.wait_for(reader.read(1 << 20), 5))
        writer.close()
        server.should_exit = True
        await serving
        return found

    return asyncio.run(run())


SAID: dict[str, tuple[bytes, ...]] = {
    "one after the other": (GET % (b"/plain", b""), GET % (b"/empty", b""), GET % (b"/plain", b"")),
    "head": (b"HEAD /plain HTTP/1.1\r\nHost: h\r\n\r\n", GET % (b"/plain", b"")),
    "pipelined": (GET % (b"/plain", b"") + GET % (b"/empty", b"") + GET % (b"/parts", b""),),
    "in parts": (GET % (b"/parts", b""),),
    "closed": (GET % (b"/plain", b"Connection: close\r\n"), b""),
    "continued": (
        b"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        b"abc",
    ),
    "failed": (GET % (b"/broken/", b""), b""),
    "nonsense": (b"nonsense\r\n\r\n", b""),
    "unknown": (GET % (b"/nothing", b""),),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_connection_tells_what_it_would_without(said: tuple[bytes, ...]) -> None:
    assert talked(OneWrite, *said) == talked("httptools", *said)


def test_a_head_and_its_body_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    made: Callable[..., None] = OneWrite.connection_made

    def connection_made(self: OneWrite, transport: Any) -> None:
        class Noting:
            def write(self, data: bytes) -> None:
                written.append(data)
                transport.write(data)

            def __getattr__(self, name: str) -> Any:
                return getattr(transport, name)

        made(self, Noting())

    monkeypatch.setattr(OneWrite, "connection_made", connection_made)
    talked(OneWrite, GET % (b"/plain", b""), b"HEAD /plain HTTP/1.1\r\nHost: h\r\n\r\n")
    assert [each.partition(b"\r\n\r\n")[2] for each in written] == [b"HTTP/1.1 body ", b""]
