"""What Cassandra adds to the contract: slates go when they are due, changes are compare-and-set, errors are words."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cassandra_server import KEYSPACE
from crossfade.privacy.receipt import Erased
from crossfade.privacy.store_traces import Stores
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError, NotFoundError
from crossfade.store import cassandra_generation, cassandra_link, cassandra_store
from crossfade.store.cassandra_link import Address
from crossfade.store.cassandra_state import Leftover, State
from crossfade.store.cassandra_store import CassandraStore
from crossfade.store.contract import variant_surface
from crossfade.store.credentials import PASSWORD_VARIABLE, USER_VARIABLE
from crossfade.store.opening import opened
from tests.cassandra_server import CassandraServer
from tests.store.slates import SURFACE, generation, publish, slates
from tests.store.weeks import SETTINGS


@pytest.fixture
def store(cassandra_server: CassandraServer) -> CassandraStore:
    return CassandraStore(cassandra_server.emptied(), expire_seconds=100)


def known(store: CassandraStore) -> State:
    return store._state(SURFACE)


def num_slates(store: CassandraStore, server: CassandraServer, *writings: str) -> int:
    rows = server.session.execute(f"SELECT writing FROM {KEYSPACE}.slates")
    return sum(writing in writings for (writing,) in rows)


def test_slates_of_a_removed_generation_stay_until_they_are_due_and_then_go(
    store: CassandraStore, cassandra_server: CassandraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "g1")
    publish(store, "g2")
    first, second = (known(store).whole[name].writing for name in ("g1", "g2"))
    assert store.prune(SURFACE, 1) == ["g1"]
    (left,) = known(store).leftovers.items()
    assert left[0] == first
    assert 90 < left[1].due - time.time() <= 100
    assert num_slates(store, cassandra_server, first) == 3
    later = time.time() + 101
    monkeypatch.setattr(cassandra_store, "_now", lambda: int(later))
    publish(store, "g3")
    assert num_slates(store, cassandra_server, first) == 0
    assert num_slates(store, cassandra_server, second) == 3
    assert known(store).leftovers == {}


def test_what_a_killed_or_failed_writer_leaves_behind_goes(
    store: CassandraStore, cassandra_server: CassandraServer
) -> None:
    writing = store.begin(generation("g1"))
    writer = writing.__enter__()
    writer.put_many(slates("g1", ["a"]))
    (left,) = known(store).leftovers.values()
    assert 86_000 < left.due - time.time() <= cassandra_store.WRITING_SECONDS
    writing.__exit__(None, None, None)
    assert known(store).leftovers == {}
    with pytest.raises(InputError, match="1 to 511 bytes"):
        write_and_fail(store)
    assert (known(store).leftovers, [*known(store).whole]) == ({}, ["g1"])


def test_a_writer_that_was_taken_for_dead_is_told(
    store: CassandraStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassandra_store, "WRITING_SECONDS", 0)
    writing = store.begin(generation("g1"))
    writing.__enter__().put_many(slates("g1", ["a"]))
    monkeypatch.undo()
    publish(store, "g2")
    with pytest.raises(
        IntegrityError, match=r"g1 of discover_weekly took longer than .* was removed meanwhile"
    ):
        writing.__exit__(None, None, None)
    assert [each.name for each in store.generations(SURFACE)] == ["g2"]


def write_and_fail(store: CassandraStore) -> None:
    with store.begin(generation("g2")) as writer:
        writer.put_many(slates("g2", ["a"]))
        writer.put_many(slates("g2", [""]))


def test_publishing_a_name_again_never_shows_a_mixture(store: CassandraStore) -> None:
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
    assert len(known(store).leftovers) == 1


def test_users_are_spread_over_partitions_of_a_thousand(store: CassandraStore) -> None:
    users = [f"u{number}" for number in range(2500)]
    with store.begin(generation("g1", num_users=len(users))) as writer:
        writer.put_many(slates("g1", users[:300]))
        assert (len(writer), writer.num_buckets) == (300, 3)
    store.activate(SURFACE, "g1")
    found = store.get(SURFACE, "u299")
    assert found is not None
    assert found.user_id == "u299"


def test_a_read_takes_the_time_of_one_request_and_follows_the_live_generation(
    store: CassandraStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "g1")
    store.get(SURFACE, "a")
    trips: list[int] = []
    send = cassandra_link.Link.all
    monkeypatch.setattr(
        cassandra_link.Link,
        "all",
        lambda link, commands: trips.append(len(commands)) or send(link, commands),
    )
    assert store.get(SURFACE, "b") is not None
    assert trips == [2]
    monkeypatch.undo()
    publish(CassandraStore(store.url), "g2")
    found = store.get(SURFACE, "a")
    assert found is not None
    assert found.generation == "g2"


def test_a_change_is_made_on_what_others_changed_meanwhile(
    store: CassandraStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "g1")
    other = CassandraStore(store.url)
    publish(other, "g2")
    changes: list[str] = []

    def late(state: State) -> State:
        changes.append("x")
        if len(changes) == 1:
            other.rollback(SURFACE)
        return state.activated("g2" if len(changes) > 1 else "g1")

    assert store._change(SURFACE, late).history == ("g1", "g2")
    assert len(changes) == 2
    monkeypatch.setattr(cassandra_store, "TRIES", 1)
    changes.clear()
    with pytest.raises(
        CrossfadeError, match=r"discover_weekly in cassandra://.* is changed by others .* 1 times"
    ):
        store._change(SURFACE, late)


def test_a_person_is_told_of_and_leaves_generations_variants_and_leftovers(store: CassandraStore) -> None:
    own = variant_surface(SURFACE, "louder.b")
    publish(store, "old", ["a", "b"])
    publish(store, "g1", ["a", "b"])
    store.prune(SURFACE, 1)
    with store.begin(replace(generation("g2"), surface=own)) as writer:
        writer.put_many(slates("g2", ["a"]))
    stores = Stores.opened(None, SETTINGS.model_copy(update={"store_url": store.url}), (store.url,))
    (place,) = stores.slates
    assert place == store.link.place
    told = stores.slates_of(["a"])
    assert {where: [each["generation"] for each in found] for where, found in told.items()} == {
        f"{place}/{SURFACE}": ["g1"],
        f"{place}/{own}": ["g2"],
    }
    notes: list[Erased] = []
    stores.erase_slates(["a"], {}, notes.append)
    stores.erase_features(["a"], notes.append)
    stores.erase_unnamed(["a"], notes.append)
    assert [(each.place, each.removed) for each in notes] == [
        (f"{place}/{SURFACE}", 1),
        (f"{place}/{own}", 1),
        (place, 1),
    ]
    assert not stores.knows(["a"])
    assert store.erase_unnamed([b"a"]) == 0
    assert stores.knows(["b"])
    assert len(store.reader(SURFACE)) == 1


def test_a_cassandra_that_loses_what_was_written_is_found_out(
    store: CassandraStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassandra_generation.CassandraWriter, "_write", lambda *_: None)
    with pytest.raises(
        IntegrityError, match=r"gives back other slates than were written to g1; look at its logs"
    ):
        publish(store, "g1")


def test_errors_name_the_place_and_not_the_password() -> None:
    away = CassandraStore("cassandra://me:secret@127.0.0.1:9/music", timeout_ms=3000)
    for _ in range(2):  # tried again
        with pytest.raises(
            CrossfadeError, match=r"Cassandra at cassandra://127\.0\.0\.1:9/music does not"
        ) as told:
            away.get(SURFACE, "a")
        assert "secret" not in str(told.value)


def test_nobody_waits_for_a_connection_longer_than_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_link.Connection, "_connected", lambda _: time.sleep(0.5))
    away = CassandraStore("cassandra://127.0.0.1:10/music", timeout_ms=20)
    started = time.monotonic()
    with pytest.raises(CrossfadeError, match=r"does not answer or refuses: no answer in 0\.02 s"):
        away.get(SURFACE, "a")
    assert time.monotonic() - started < 0.4


def test_an_address_is_read_with_hosts_port_keyspace_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Address.of("cassandra://me:s%40crt@a,b:9043/music")
    assert (found.hosts, found.port, found.keyspace, found.user, found.password) == (
        ("a", "b"),
        9043,
        "music",
        "me",
        "s@crt",
    )
    monkeypatch.setenv(USER_VARIABLE, "us")
    monkeypatch.setenv(PASSWORD_VARIABLE, "p@/:")
    told = Address.of("cassandra://a/music")
    assert (told.user, told.password, told.place) == ("us", "p@/:", "cassandra://a:9042/music")
    for wrong in ("redis://a/0", "cassandra://a", "cassandra:///music", "cassandra://a/drop table"):
        with pytest.raises(NotFoundError, match=r"must be cassandra://HOST:PORT/KEYSPACE"):
            Address.of(wrong)
    with pytest.raises(NotFoundError, match=r"'cassandra://a:x/m' is not the address of a Cassandra: Port"):
        Address.of("cassandra://a:x/m")


def test_a_url_chooses_the_store(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")
    chosen = opened("cassandra://a/music", workspace, expire_hours=0.5, timeout_ms=70)
    assert chosen == CassandraStore("cassandra://a/music", 1800, 70)


def test_a_state_is_read_back_equal() -> None:
    assert State.of(None) == State()
    state = State(("g1",), {}, {"w": Leftover(2, 7)})
    assert State.of(state.text()) == state
