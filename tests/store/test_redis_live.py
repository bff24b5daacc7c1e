"""Slates that an event loop reads from Redis are the store's own, and it knows when they are not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from crossfade.schema.errors import CrossfadeError
from crossfade.store.contract import StaleError
from crossfade.store.encoding import decode
from crossfade.store.redis_live import RedisReads
from crossfade.store.redis_store import RedisStore
from tests.redis_server import RedisServer
from tests.store.loops import LOOPS, runs
from tests.store.slates import SURFACE, generation, publish, slates


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
