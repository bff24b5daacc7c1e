"""The connection that an event loop reads slates by: one for all, in time, back after a loss, and never a wrong answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import redis

from crossfade.schema.errors import CrossfadeError
from crossfade.store.contract import StaleError
from crossfade.store.encoding import decode
from crossfade.store.redis_line import RedisLine
from crossfade.store.redis_live import RedisReads
from crossfade.store.redis_store import RedisStore
from tests.redis_server import RedisServer
from tests.store.slates import SURFACE, generation, publish, slates

LOOPS = ("asyncio", "uvloop")  # uvicorn takes the second where it is installed


@pytest.mark.parametrize(
    "url", ["rediss://h", "unix:///socket", "redis://h?protocol=3", "redis://h?ssl_check=1"]
)
def test_what_a_line_cannot_is_left_to_threads(url: str) -> None:
    assert RedisLine.to(url, 50) is None


def runs(test: Coroutine[Any, Any, None], loop: str = "asyncio") -> None:
    factory = None if loop == "asyncio" else pytest.importorskip(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(test)


def with_reads(
    store: RedisStore, test: Callable[[RedisReads], Awaitable[None]], loop: str = "asyncio"
) -> None:
    async def run() -> None:
        reads = store.reads()
        assert reads is not None
        try:
            await test(reads)
        finally:
            reads.close()
            await asyncio.sleep(0)

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_reads_are_the_store_s_own_and_know_when_they_are_not(redis_server: RedisServer, loop: str) -> None:
    store, other = RedisStore(redis_server.emptied()), RedisStore(redis_server.url)
    publish(store, "g1")

    async def test(reads: RedisReads) -> None:
        with pytest.raises(StaleError, match="Nothing is known yet of what is live of discover_weekly"):
            await reads.packed(SURFACE, "a")
        wanted = {user: store.packed(SURFACE, user) for user in ("a", "b", "c", "nobody")}
        found = await asyncio.gather(*(reads.packed(SURFACE, user) for user in list(wanted) * 50))
        assert found == list(wanted.values()) * 50
        assert wanted["a"] is not None
        assert wanted["nobody"] is None
        with pytest.raises(StaleError):
            await reads.packed(SURFACE, "x" * 512)  # no key of any store
        publish(other, "g2")
        with pytest.raises(StaleError, match="g1 is not live any more"):
            await reads.packed(SURFACE, "a")
        assert store.packed(SURFACE, "a") == await reads.packed(SURFACE, "a")
        other.erase(SURFACE, ["a"], {})
        with pytest.raises(StaleError):
            await reads.packed(SURFACE, "b")

    with_reads(store, test, loop)


def test_unchanged_slates_come_from_the_generation_that_has_them(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.emptied())
    users = ("a", "b", "c")
    publish(store, "g1", users)
    with store.begin(generation("g2"), keeps_unchanged=True) as writer:
        writer.put_many(slates("g1", users))
        assert writer.num_unchanged == len(users)
    store.activate(SURFACE, "g2")

    async def test(reads: RedisReads) -> None:
        wanted = [store.get(SURFACE, user) for user in users]
        found = [decode(await reads.packed(SURFACE, user)) for user in users]
        assert [each and (each.generation, each.track_ids) for each in found] == [
            each and (each.generation, each.track_ids) for each in wanted
        ]
        assert found[0] is not None
        assert found[0].generation == "g2"

    with_reads(store, test)


def test_a_password_and_a_database_are_told_first(redis_server: RedisServer) -> None:
    plain = RedisStore(redis_server.emptied())
    plain.client.config_set("requirepass", "secret")
    address = redis_server.url.removeprefix("redis://").partition("/")[0]
    try:
        for user in ("", "default"):
            store = RedisStore(f"redis://{user}:secret@{address}/3")
            store.client.flushdb()
            publish(store, "g1")
            store.packed(SURFACE, "a")

            async def test(reads: RedisReads, store: RedisStore = store) -> None:
                assert await reads.packed(SURFACE, "a") == store.packed(SURFACE, "a")

            with_reads(store, test)

        async def refused(reads: RedisReads) -> None:
            with pytest.raises(
                CrossfadeError, match=r"Redis at .*/3 does not answer or refuses: .*WRONGPASS"
            ) as told:
                await reads.packed(SURFACE, "a")
            assert "other" not in str(told.value)

        wrong = RedisStore(f"redis://:other@{address}/3")
        wrong._lives.update(store._lives)
        with_reads(wrong, refused)
    finally:
        secret = RedisStore(f"redis://:secret@{address}/3")
        secret.client.flushdb()
        secret.client.config_set("requirepass", "")


async def served(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Any:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", 0)


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
        server = await served(answer)
        line = RedisLine("127.0.0.1", server.sockets[0].getsockname()[1], 5, ())
        for _ in range(len(said)):
            asked = [line.ask([("PING",)] * number) for number in numbers]
            first, second, third = await asyncio.gather(*asked, return_exceptions=True)
            assert first == [b"g1", [None, b"a\r\nb"]]
            assert isinstance(second, redis.ResponseError)
            assert "ERR no" in str(second)
            assert third == [[], b"OK"]
        line.close()
        server.close()
        await server.wait_closed()

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_nobody_asked_for_is_nobody_s(loop: str) -> None:
    seen = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"PING\r\n"))
        writer.write(b":%d\r\n+surplus\r\n" % len(seen))
        await reader.read()

    async def run() -> None:
        server = await served(answer)
        line = RedisLine("127.0.0.1", server.sockets[0].getsockname()[1], 5, ())
        for number in (1, 2, 3):
            assert await line.ask([("PING",)]) == [number]
            await asyncio.sleep(0.01)
        line.close()
        server.close()
        await server.wait_closed()

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
        server = await served(answer)
        line = RedisLine("127.0.0.1", server.sockets[0].getsockname()[1], 0.1, ())
        started = time.monotonic()
        asked = [asyncio.create_task(line.ask([("PING",)])) for _ in range(2)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert any(isinstance(each, redis.RedisError) and words in str(each) for each in told), told
        assert time.monotonic() - started < 0.5
        await asyncio.sleep(0.01)
        assert await line.ask([("PING",)]) == [b"PONG"]
        line.close()
        server.close()
        await server.wait_closed()

    runs(run(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("said", [b"", b"-ERR max number of clients reached\r\n"])
@pytest.mark.parametrize("greeting", [(), (("SELECT", 1),)])
def test_a_connection_that_is_closed_as_soon_as_it_is_made_is_an_error_of_redis(
    said: bytes, greeting: tuple[tuple[str, int], ...], loop: str
) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async def run() -> None:
        server = await served(answer)
        line = RedisLine("127.0.0.1", server.sockets[0].getsockname()[1], 5, greeting)
        started = time.monotonic()
        for _ in range(10):
            with pytest.raises(redis.RedisError, match=r"max number of clients|connection was lost"):
                await line.ask([("PING",)])
        assert time.monotonic() - started < 4  # nobody waits for an answer that cannot come
        line.close()
        server.close()
        await server.wait_closed()

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
        server = await served(answer)
        line = RedisLine("127.0.0.1", server.sockets[0].getsockname()[1], 5, ())
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
        await asyncio.sleep(0.05)
        assert len(begun) == len(ended) == 1
        server.close()
        await server.wait_closed()

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
