"""The connection that an event loop reads slates by: one for all, in time, back after a loss, and never a wrong answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import redis

from crossfade.store.redis_line import Command, RedisLine
from crossfade.store.redis_store import RedisStore
from tests.store.loops import LOOPS, runs


@pytest.mark.parametrize(
    "url", ["rediss://h", "unix:///socket", "redis://h?protocol=3", "redis://h?ssl_check=1"]
)
def test_what_a_line_cannot_is_left_to_threads(url: str) -> None:
    assert RedisLine.to(url, 50) is None


@asynccontextmanager
async def line_to(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    seconds: float = 5,
    greeting: Sequence[Command] = (),
) -> AsyncIterator[RedisLine]:
    """Yield a line to a server that answers each connection so, and then closes it."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    line = RedisLine("127.0.0.1", server.sockets[0].getsockname()[1], seconds, greeting)
    yield line
    line.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("loop", LOOPS)
def test_answers_are_each_request_s_own_however_they_arrive(loop: str) -> None:
    said = b"$2\r\ng1\r\n*2\r\n$-1\r\n$4\r\na\r\nb\r\n" + b"$0\r\n\r\n-ERR no\r\n:-7\r\n" + b"*0\r\n+OK\r\n"
    numbers = (2, 3, 2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for cut in range(len(said)):
            for _ in range(sum(numbers)):
                await reader.readuntil(b"PING\r\n")
            writer.write(said[:cut])
            await asyncio.sleep(0.001)
            writer.write(said[cut:])
        await reader.read()

    async def run() -> None:
        async with line_to(answer) as line:
            for _ in range(len(said)):
                asked = [line.ask([("PING",)] * number) for number in numbers]
                first, second, third = await asyncio.gather(*asked, return_exceptions=True)
                assert first == [b"g1", [None, b"a\r\nb"]]
                assert isinstance(second, redis.ResponseError)
                assert "ERR no" in str(second)
                assert third == [[], b"OK"]

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_nobody_asked_for_is_nobody_s(loop: str) -> None:
    seen = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"PING\r\n"))
        writer.write(b":%d\r\n+surplus\r\n" % len(seen))
        await reader.read()

    async def run() -> None:
        async with line_to(answer) as line:
            for number in (1, 2, 3):
                assert await line.ask([("PING",)]) == [number]
                await asyncio.sleep(0.01)

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "no answer in 100 ms"),
        (b"", "the connection was lost"),
        (b"HTTP/1.1 400\r\n", "it does not speak RESP"),
        (b"$x\r\n", "it does not speak RESP"),
        (b"-LOADING later\r\n", "LOADING later"),
    ],
)
def test_what_goes_wrong_is_told_in_time_and_over_with_the_next_connection(
    said: bytes | None, words: str, loop: str
) -> None:
    seen = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"PING\r\n"))
        if len(seen) == 1:
            writer.write(said or b"")
            if said is None:
                await reader.read()
            return
        writer.write(b"+PONG\r\n")
        await reader.read()

    async def run() -> None:
        async with line_to(answer, 0.1) as line:
            started = time.monotonic()
            asked = [asyncio.create_task(line.ask([("PING",)])) for _ in range(2)]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert any(isinstance(each, redis.RedisError) and words in str(each) for each in told), told
            assert time.monotonic() - started < 0.5
            await asyncio.sleep(0.01)
            assert await line.ask([("PING",)]) == [b"PONG"]

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("said", [b"", b"-ERR max number of clients reached\r\n"])
@pytest.mark.parametrize("greeting", [(), (("SELECT", 1),)])
def test_a_connection_that_is_closed_as_soon_as_it_is_made_is_an_error_of_redis(
    said: bytes, greeting: Sequence[Command], loop: str
) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async def run() -> None:
        async with line_to(answer, greeting=greeting) as line:
            started = time.monotonic()
            for _ in range(10):
                with pytest.raises(redis.RedisError, match=r"max number of clients|connection was lost"):
                    await line.ask([("PING",)])
            assert time.monotonic() - started < 4  # nobody waits for an answer that cannot come

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_there_is_one_connection_whoever_asks_and_goes(loop: str) -> None:
    begun, ended = [], []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(writer)
        try:
            while True:
                await reader.readuntil(b"PING\r\n")
                await asyncio.sleep(0.002)
                writer.write(b":%d\r\n" % len(begun))
        except asyncio.IncompleteReadError:
            ended.append(writer)

    async def run() -> None:
        async with line_to(answer) as line:
            gone = [asyncio.create_task(line.ask([("PING",)])) for _ in range(3)]
            await asyncio.sleep(0)
            for task in gone:
                task.cancel()
            asked = []
            for number in range(40):  # one in each turn of the loop, while the connection is made and after
                asked.append(asyncio.create_task(line.ask([("PING",)])))
                if number % 3 == 0:
                    gone.append(asyncio.create_task(line.ask([("PING",)])))
                    gone[-2].cancel()
                await asyncio.sleep(0)
            gone[-1].cancel()
            assert await asyncio.gather(*asked) == [[1]] * 40
            line.close()
            async with asyncio.timeout(10):
                while not ended:
                    await asyncio.sleep(0.01)
            assert len(begun) == len(ended) == 1

    runs(run(), loop)


def test_a_redis_that_is_away_is_told_of_by_all_who_ask() -> None:
    store = RedisStore("redis://:secret@127.0.0.1:9/3", timeout_ms=200)
    line = RedisLine.to(store.url, 200)
    assert line is not None

    async def run() -> None:
        told = await asyncio.gather(*(line.ask([("PING",)]) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, redis.ConnectionError) for each in told)
        assert "secret" not in str(told)

    asyncio.run(run())
