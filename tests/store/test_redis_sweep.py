"""What no generation names any more is swept of a person, and nothing else is touched."""

from crossfade.store.redis_rows import connected
from crossfade.store.redis_store import RedisStore
from crossfade.store.redis_sweep import erase_unnamed
from tests.redis_server import RedisServer
from tests.store.slates import SURFACE, publish


def test_a_person_leaves_pruned_generations_and_nobody_else_does(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.emptied())
    for name in ("g1", "g2", "features", "a"):  # a generation may be called like a user
        publish(store, name, ["a", "b"])
    store.prune(SURFACE, 2)
    rows = connected(redis_server.url)
    rows.client.hset("crossfade:features:killed:7", b"user\0a", b"packed")
    rows.client.hset("crossfade:features:generations", "a", "of features")
    store.erase(SURFACE, ["a"], {})
    assert erase_unnamed(store.client, [b"a", b"user\0a"]) == 3
    assert erase_unnamed(store.client, [b"a", b"user\0a"]) == 0
    assert [each.name for each in store.generations(SURFACE)] == ["a", "features"]
    assert store.get(SURFACE, "b") is not None
    assert rows.client.hget("crossfade:features:generations", "a") == b"of features"
