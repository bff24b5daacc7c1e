"""A request's head has a longest length, and a request a longest time to come."""

import asyncio

import pytest

from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from serving import bounded
from serving.asgi import Receive, Scope, Send, respond
from serving.recommender.plain import is_plain
from serving.short_way import Call, Reply, ShortWay
from tests.serving.conftest import LOOPBACK
from tests.serving.listening import listening

BEGUN = [
    b"",
    b"GET / HT",
    b"GET / HTTP/1.1\r\nhost: x\r\n",
    b"POST /short HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\nab",
    b"POST /long HTTP/1.1\r\ncontent-length: 9\r\n\r\nab",
]


async def app(_: Scope, receive: Receive, send: Send) -> None:
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] != "http.disconnect":
        await respond(send, 200, {"long": True})


async def told(sent: list[bytes], exposition: Exposition) -> bytes:
    """Send pieces over one connection, and return all that comes back until it is closed."""

    async def reply(_: Call) -> Reply:
        return Reply({"short": True})

    async with listening(app, ShortWay(is_plain(b"/short", 64), reply, "predict", exposition)) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            for piece in sent:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)
        except ConnectionError:
            pass  # it was refused meanwhile
        back = b""
        try:
            while piece := await asyncio.wait_for(reader.read(1 << 16), 10):
                back += piece
        except ConnectionError:
            pass
        writer.close()
        return back


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_without_end_is_refused(begin: bytes) -> None:
    exposition = Exposition(SERVING_METRICS)
    line = b"a: b\r\n" * 1000 if begin.endswith(b"1.1\r\n") else b"a" * 6000
    back = asyncio.run(told([begin, *[line] * 20], exposition))
    assert not back or back.startswith(b"HTTP/1.1 431 ")
    assert 'crossfade_http_requests_total{route="other",status="431"} 1.0' in exposition.text().decode()


@pytest.mark.parametrize("begun", BEGUN)
def test_a_request_that_does_not_come_whole_is_closed(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "WHOLE_SECONDS", 0.2)
    back = asyncio.run(told([begun], Exposition(SERVING_METRICS)))
    assert not back or back.startswith(b"HTTP/1.1 408 ")


def test_a_long_body_and_an_answer_in_its_time_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "WHOLE_SECONDS", 0.5)
    head = b"POST /long HTTP/1.1\r\ncontent-length: 200000\r\n"
    ending = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
    sent = [head, b"a: b\r\n\r\n" + b"a" * 100_000, b"a" * 100_000, ending]
    back = asyncio.run(told(sent, Exposition(SERVING_METRICS)))
    assert back.count(b"HTTP/1.1 200 OK") == 2
