"""What Redis adds to the contract: expiry of old generations, one round trip, errors in words."""

from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError, NotFoundError
from crossfade.store import redis_generation, redis_store
from crossfade.store.opening import opened
from crossfade.store.redis_store import RedisStore
from tests.redis_server import RedisServer
from tests.store.slates import SURFACE, generation, publish, slates


@pytest.fixture
def store(redis_server: RedisServer) -> RedisStore:
    return RedisStore(redis_server.emptied(), expire_seconds=100)


def lives(store: RedisStore) -> list[int]:
    """Return the seconds that each hash of slates still has, -1 for ever."""
    return sorted(store.client.ttl(key) for key in store.client.scan_iter("crossfade:slates:*"))


def test_slates_of_a_removed_generation_expire_and_those_of_others_stay(store: RedisStore) -> None:
    publish(store, "g1")
    publish(store, "g2")
    assert lives(store) == [-1, -1]
    assert store.prune(SURFACE, 1) == ["g1"]
    assert lives(store)[0] == -1
    assert 90 < lives(store)[1] <= 100


def test_what_a_killed_or_failed_writer_leaves_behind_goes(store: RedisStore) -> None:
    writing = store.begin(generation("g1"))
    with writing as writer:
        writer.put_many(slates("g1", ["a"]))
        assert 86_000 < lives(store)[0] <= redis_generation.WRITING_SECONDS
    assert lives(store) == [-1]
    with pytest.raises(InputError, match="1 to 511 bytes"):
        write_and_fail(store)
    assert lives(store) == [-1]


def write_and_fail(store: RedisStore) -> None:
    with store.begin(generation("g2")) as writer:
        writer.put_many(slates("g2", ["a"]))
        writer.put_many(slates("g2", [""]))


def test_publishing_a_name_again_never_shows_a_mixture(store: RedisStore) -> None:
    publish(store, "g1", ["a"])
    before = store.get(SURFACE, "a")
    with store.begin(generation("g1")) as writer:
        writer.put_many(slates("new", ["a", "b"]))
        assert store.get(SURFACE, "b") is None
    assert before is not None
    assert before.track_ids[0] == "g1/a/0"
    after = store.get(SURFACE, "a")
    assert after is not None
    assert after.track_ids[0] == "new/a/0"
    assert len(store.reader(SURFACE)) == 2


def test_users_are_spread_over_hashes_of_a_thousand(store: RedisStore) -> None:
    users = [f"u{number}" for number in range(2500)]
    with store.begin(generation("g1", num_users=len(users))) as writer:
        writer.put_many(slates("g1", users))
        assert len(writer) == len(users)
    assert len(lives(store)) == 3
    store.activate(SURFACE, "g1")
    found = store.get(SURFACE, "u2499")
    assert found is not None
    assert found.user_id == "u2499"


def test_a_read_is_one_round_trip_and_follows_the_live_generation(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "g1")
    store.get(SURFACE, "a")
    trips: list[int] = []
    send = redis_store.pipelined
    monkeypatch.setattr(
        redis_store,
        "pipelined",
        lambda client, commands: trips.append(len(commands)) or send(client, commands),
    )
    monkeypatch.setattr(store.client, "hget", lambda *_: pytest.fail("a second round trip"))
    assert store.get(SURFACE, "b") is not None
    assert trips == [3]
    monkeypatch.undo()
    other = RedisStore(store.url)
    publish(other, "g2")
    found = store.get(SURFACE, "a")
    assert found is not None
    assert found.generation == "g2"


def test_a_redis_that_forgets_what_was_written_is_found_out(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = redis_generation.RedisWriter._write

    def write_and_evict(writer: redis_generation.RedisWriter, buckets: dict[str, dict[bytes, bytes]]) -> None:
        write(writer, buckets)
        writer.client.delete(*buckets)

    monkeypatch.setattr(redis_generation.RedisWriter, "_write", write_and_evict)
    with pytest.raises(IntegrityError, match=r"gives back other slates .* g1; look whether it evicts"):
        publish(store, "g1")


def test_errors_name_the_place_and_not_the_password() -> None:
    away = RedisStore("redis://:secret@127.0.0.1:9/3", timeout_ms=200)
    with pytest.raises(CrossfadeError, match=r"Redis at redis://127\.0\.0\.1:9/3 does not answer") as told:
        away.get(SURFACE, "a")
    assert "secret" not in str(told.value)
    with pytest.raises(NotFoundError, match="'http://x' is not the address of a Redis"):
        RedisStore("http://x")
    with pytest.raises(NotFoundError, match=r"'redis://x:y' is not the address of a Redis") as told:
        RedisStore("redis://:secret@x:y")
    assert "secret" not in str(told.value)


def test_a_url_chooses_the_store(tmp_path: Path, redis_server: RedisServer) -> None:
    workspace = Workspace.create(tmp_path / "w")
    assert opened("", workspace).generations(SURFACE) == []
    chosen = opened(redis_server.url, workspace, expire_hours=0.5, timeout_ms=70)
    assert chosen == RedisStore(redis_server.url, 1800, 70)
