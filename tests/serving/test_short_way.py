"""Requests of the short way are answered as others are, and what is not plain goes the usual one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from serving.asgi import Receive, Scope, Send, respond
from serving.recommender.plain import is_plain
from serving.short_way import Call, Reply, ShortWay
from tests.serving.conftest import LOOPBACK
from tests.serving.listening import listening

URL = "/v1/models/m:predict"


@dataclass
class Running:
    """A server whose short way answers with the body, once it may, and whose application says that it answered."""

    port: int
    exposition: Exposition
    may: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, call: Call) -> Reply:
        self.began.set()
        await self.may.wait()
        return Reply({"short": call.body.decode()}, 400 if call.body == b"wrong" else 200)

    async def told(self, sent: bytes, answers: int = 1) -> str:
        """Send bytes over a connection of its own; return what comes back, up to the end of so many JSON answers."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        writer.write(sent)
        back = b""
        for _ in range(answers):
            back += await asyncio.wait_for(reader.readuntil(b"}"), 10)
        writer.close()
        return back.decode()

    def count(self, status: int) -> float:
        """Return how many requests of the short way had a status."""
        line = f'crossfade_http_requests_total{{route="predict",status="{status}"}} '
        found = [each for each in self.exposition.text().decode().splitlines() if each.startswith(line)]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    is_whole = False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        is_whole = not message.get("more_body", False)
    await respond(send, 200, {"long": scope["method"]})


@asynccontextmanager
async def running() -> AsyncIterator[Running]:
    exposition = Exposition(SERVING_METRICS)

    async def reply(call: Call) -> Reply:
        return await found.reply(call)

    short = ShortWay(is_plain(URL.encode(), 64), reply, "predict", exposition)
    async with listening(app, short) as port:
        found = Running(port, exposition)
        found.may.set()
        yield found


def post(body: str, *headers: str, url: str = URL, method: str = "POST", version: str = "1.1") -> bytes:
    lines = [f"{method} {url} HTTP/{version}", "host: here", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


PLAIN = "content-type: application/json"


def test_plain_requests_are_answered_in_turn_over_one_connection() -> None:
    async def run() -> None:
        async with running() as server:
            back = await server.told(post("a", PLAIN), 1)
            head, _, text = back.partition("\r\n\r\n")
            assert (head.split("\r\n")[0], text) == ("HTTP/1.1 200 OK", '{"short":"a"}')
            assert {"content-length: 13", "content-type: application/json", "server: uvicorn"} < set(
                head.split("\r\n")
            )
            reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
            for body in "bcd":
                writer.write(post(body, PLAIN))
                assert (await reader.readuntil(b"}")).endswith(b'{"short":"%s"}' % body.encode())
            writer.close()
            assert "HTTP/1.1 400 Bad Request" in await server.told(post("wrong"))
            assert (server.count(200), server.count(400)) == (4, 1)

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [
        post("a", PLAIN, url="/v1/models/other:predict"),
        post("a", PLAIN, url=f"{URL}?q"),
        post("a", PLAIN, method="PUT"),
        post("a", PLAIN, version="1.0"),
        post("a", "content-type: text/plain"),
        post("a", PLAIN, "ce-id: 1"),
        post("a", PLAIN, "expect: 100-continue"),
        post("a" * 65, PLAIN),
        f"POST {URL} HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".encode(),
    ],
)
def test_what_is_not_plain_goes_the_usual_way(sent: bytes) -> None:
    async def run() -> None:
        async with running() as server:
            assert '{"long":' in await server.told(sent)
            assert server.count(200) == 0

    asyncio.run(run())


def test_a_request_before_the_last_one_is_answered_waits_for_its_turn() -> None:
    async def run() -> None:
        async with running() as server:
            server.may.clear()
            telling = asyncio.create_task(server.told(post("a") + post("b", method="PUT") + post("c"), 3))
            await server.began.wait()
            server.may.set()
            back = await telling
            assert [part for part in back.split('"') if part in ("short", "long")] == [
                "short",
                "long",
                "long",
            ]

    asyncio.run(run())


def test_a_connection_is_closed_where_its_client_wants_that() -> None:
    async def run() -> None:
        async with running() as server:
            reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
            writer.write(post("a", "connection: close"))
            back = await asyncio.wait_for(reader.read(), 10)
            assert b"\r\nconnection: close\r\n" in back
            assert back.endswith(b'{"short":"a"}')
            writer.close()

    asyncio.run(run())


def test_who_leaves_is_counted_and_breaks_nothing() -> None:
    async def run() -> None:
        async with running() as server:
            _, writer = await asyncio.open_connection(LOOPBACK, server.port)
            writer.write(post("abc", PLAIN)[:-1])
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
            server.may.clear()
            _, other = await asyncio.open_connection(LOOPBACK, server.port)
            other.write(post("abc", PLAIN))
            await server.began.wait()
            other.transport.abort()
            await asyncio.sleep(0.05)
            server.may.set()
            assert '{"short":"d"}' in await server.told(post("d"))
            assert (server.count(499), server.count(200)) == (1, 2)

    asyncio.run(run())


def test_a_server_that_ends_answers_what_is_under_way() -> None:
    async def run() -> None:
        async with running() as server:
            server.may.clear()
            telling = asyncio.create_task(server.told(post("last")))
            await server.began.wait()
            asyncio.get_running_loop().call_later(0.2, server.may.set)
        assert '{"short":"last"}' in await telling

    asyncio.run(run())


def test_an_upgrade_after_an_answer_is_not_given_that_answer_again() -> None:
    upgrade = "GET /ws HTTP/1.1", "host: here", "connection: Upgrade", "upgrade: websocket", "", ""

    async def run() -> None:
        async with running() as server:
            reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
            writer.write(post("secret", PLAIN))
            assert b"secret" in await reader.readuntil(b"}")
            writer.write("\r\n".join(upgrade).encode())
            writer.write_eof()
            assert b"secret" not in await asyncio.wait_for(reader.read(), 10)
            writer.close()
            assert server.count(200) == 1

    asyncio.run(run())


def test_an_answer_that_cannot_be_sent_is_told_and_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        async with running() as server:

            async def unspeakable(call: Call) -> Reply:
                return Reply({"short": object()}, 200)

            server.reply = unspeakable  # type: ignore[method-assign]
            reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
            writer.write(post("a", PLAIN))
            told = (await asyncio.wait_for(reader.read(), 10)).decode()  # up to the end of the connection
            assert told.startswith("HTTP/1.1 500")
            assert "it has noted why" in told
            assert "Traceback" not in told
            writer.close()
            assert server.count(500) == 1

    asyncio.run(run())
    assert "could not be sent" in caplog.text
