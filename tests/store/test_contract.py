"""What every store must do; a new backend joins by adding its constructor to STORES."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.store.cassandra_store import CassandraStore
from crossfade.store.contract import SlateStore, playlist_id, shown_surface, variant_surface
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.redis_store import RedisStore
from tests.store.slates import SURFACE, generation, publish, slates

STORES: dict[str, Callable[[pytest.FixtureRequest], SlateStore]] = {
    "cassandra": lambda request: CassandraStore(request.getfixturevalue("cassandra_server").emptied()),
    "embedded": lambda request: EmbeddedStore(request.getfixturevalue("tmp_path") / "store"),
    "redis": lambda request: RedisStore(request.getfixturevalue("redis_server").emptied()),
}


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest) -> SlateStore:
    return STORES[request.param](request)


def test_what_goes_in_comes_out(store: SlateStore) -> None:
    publish(store, "g1")
    slate = store.get(SURFACE, "a")
    assert slate is not None
    assert (slate.user_id, slate.generation) == ("a", "g1")
    assert slate.track_ids == ("g1/a/0", "g1/a/1", "g1/a/2")
    np.testing.assert_array_equal(slate.scores, np.array([1.0, 0.75, 0.5], np.float32))
    np.testing.assert_array_equal(slate.propensities, np.ones(3, np.float32))
    assert slate.sources == ("two_tower", "popular", "two_tower")
    assert slate.reason_kinds == ("none", "listen", "none")
    assert slate.reasons == ("", "Weil du «Süß 1» hörst (g1)", "")


def test_short_and_empty_slates(store: SlateStore) -> None:
    publish(store, "g1", ["a", "b", "c", "d"])
    lengths = [len(slate.track_ids) for user in "abcd" if (slate := store.get(SURFACE, user)) is not None]
    assert lengths == [3, 2, 1, 0]


def test_unknown_user_has_no_slate(store: SlateStore) -> None:
    publish(store, "g1")
    assert store.get(SURFACE, "nobody") is None
    assert store.get(SURFACE, "") is None
    assert store.get(SURFACE, "x" * 10_000) is None


def test_nothing_live_yet(store: SlateStore) -> None:
    assert store.live(SURFACE) is None
    assert store.generations(SURFACE) == []
    with pytest.raises(
        NotFoundError, match=r"No discover_weekly playlists are published in .*; run: crossfade run weekly"
    ):
        store.get(SURFACE, "a")


def test_playlist_id_outlives_generations(store: SlateStore) -> None:
    publish(store, "g1")
    first = store.get(SURFACE, "a")
    publish(store, "g2")
    second = store.get(SURFACE, "a")
    assert first is not None
    assert second is not None
    assert first.track_ids != second.track_ids
    assert first.playlist_id == second.playlist_id == playlist_id(SURFACE, "a")
    assert len({playlist_id(surface, user) for surface in ("home", SURFACE) for user in ("a", "b")}) == 4


def test_surfaces_do_not_mix(store: SlateStore) -> None:
    publish(store, "g1")
    with pytest.raises(NotFoundError, match="No home playlists"):
        store.get("home", "a")


def test_a_variant_has_generations_of_its_own_and_the_same_playlists(store: SlateStore) -> None:
    assert store.surfaces() == []
    own = variant_surface(SURFACE, "louder.b")
    publish(store, "g1")
    with store.begin(replace(generation("g2"), surface=own)) as writer:
        writer.put_many(slates("g2", ["a"]))
    store.activate(own, "g2")
    assert store.surfaces() == [SURFACE, own]
    everybody_s, variant_s = store.get(SURFACE, "a"), store.get(own, "a")
    assert everybody_s is not None
    assert variant_s is not None
    assert (everybody_s.generation, variant_s.generation) == ("g1", "g2")
    assert everybody_s.playlist_id == variant_s.playlist_id
    assert (variant_surface(SURFACE, ""), shown_surface(own), shown_surface(SURFACE)) == (SURFACE,) * 3


def test_a_generation_is_invisible_until_it_is_activated(store: SlateStore) -> None:
    publish(store, "g1")
    with store.begin(generation("g2")) as writer:
        writer.put_many(slates("g2", ["a"]))
        assert [known.name for known in store.generations(SURFACE)] == ["g1"]
    assert store.live(SURFACE) == "g1"
    assert store.reader(SURFACE).generation.name == "g1"
    assert store.generations(SURFACE) == [generation("g1"), generation("g2")]
    store.activate(SURFACE, "g2")
    assert store.live(SURFACE) == "g2"
    assert store.get(SURFACE, "b") is None


def test_a_store_knows_since_when_its_generation_is_live(store: SlateStore) -> None:
    assert store.live_since(SURFACE) is None
    before = time.time() - 1  # some tell whole seconds
    publish(store, "g1")
    since = store.live_since(SURFACE)
    assert since is not None
    assert before <= since <= time.time()
    publish(store, "g2")
    store.rollback(SURFACE)
    switched = store.live_since(SURFACE)
    assert switched is not None
    assert since <= switched <= time.time()
    publish(store, "g2")
    pruned_at = store.live_since(SURFACE)
    assert store.prune(SURFACE, 1) == ["g1"]
    assert store.live_since(SURFACE) == pruned_at


def write_and_fail(store: SlateStore) -> None:
    with store.begin(generation("g2")) as writer:
        writer.put_many(slates("g2", ["a"]))
        raise RuntimeError("stop")


def test_a_failing_block_leaves_nothing(store: SlateStore) -> None:
    publish(store, "g1")
    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail(store)
    assert [known.name for known in store.generations(SURFACE)] == ["g1"]
    with pytest.raises(NotFoundError, match=r"no generation g2 in .*; there are: g1"):
        store.activate(SURFACE, "g2")
    with pytest.raises(NotFoundError, match="no generation g2"):
        store.reader(SURFACE, "g2")
    assert store.live(SURFACE) == "g1"


def test_users_in_any_order_and_twice(store: SlateStore) -> None:
    with store.begin(generation("g1")) as writer:
        writer.put_many(slates("old", ["c", "a"]))
        writer.put_many(slates("new", ["b", "a"]))
        writer.put_many(slates("new", []))
    reader = store.reader(SURFACE, "g1")
    assert len(reader) == 3
    found = {user: slate.track_ids[0] for user in "abc" if (slate := reader.get(user)) is not None}
    assert found == {"a": "new/a/0", "b": "new/b/0", "c": "old/c/0"}


def test_rollback_leads_back_one_by_one(store: SlateStore) -> None:
    for name in ("g1", "g2", "g3"):
        publish(store, name)
    assert store.history(SURFACE) == ["g1", "g2", "g3"]
    assert store.rollback(SURFACE) == "g2"
    assert (store.live(SURFACE), store.history(SURFACE)) == ("g2", ["g1", "g2"])
    assert store.rollback(SURFACE) == "g1"
    with pytest.raises(NotFoundError, match=r"no generation to roll back to .*weekly\.keep_generations"):
        store.rollback(SURFACE)
    assert store.live(SURFACE) == "g1"
    store.activate(SURFACE, "g3")
    assert store.rollback(SURFACE) == "g1"


def test_activating_the_live_one_again_changes_nothing(store: SlateStore) -> None:
    publish(store, "g1")
    publish(store, "g2")
    store.activate(SURFACE, "g2")
    assert store.rollback(SURFACE) == "g1"


def test_prune_keeps_the_last_activated(store: SlateStore) -> None:
    for name in ("g1", "g2", "g3", "g4"):
        publish(store, name)
    assert store.prune(SURFACE, 2) == ["g1", "g2"]
    assert [known.name for known in store.generations(SURFACE)] == ["g3", "g4"]
    assert store.rollback(SURFACE) == "g3"
    with pytest.raises(NotFoundError, match="no generation to roll back to"):
        store.rollback(SURFACE)
    assert store.prune(SURFACE, 0) == ["g4"]
    assert store.live(SURFACE) == "g3"
    assert store.prune("home", 1) == []


def test_a_reader_outlives_its_generation(store: SlateStore) -> None:
    publish(store, "g1")
    reader = store.reader(SURFACE)
    publish(store, "g2")
    store.prune(SURFACE, 1)
    slate = reader.get("a")
    assert slate is not None
    assert slate.track_ids[0] == "g1/a/0"


def test_an_erased_user_is_in_no_generation_and_everybody_else_is(store: SlateStore) -> None:
    for name in ("g1", "g2"):
        publish(store, name)
    publish(store, "g3", ["a", "c"])
    kept = store.get(SURFACE, "c")
    assert store.erase(SURFACE, ["b", "nobody"], {}) == {"g1": 1, "g2": 1}
    for name, others in (("g1", 2), ("g2", 2), ("g3", 2)):
        reader = store.reader(SURFACE, name)
        assert (len(reader), reader.generation.num_users) == (others, others)
        assert reader.get("b") is None
        assert reader.get("a") is not None
    left = store.get(SURFACE, "c")
    assert kept is not None
    assert left is not None
    assert left.track_ids == kept.track_ids
    assert store.live(SURFACE) == "g3"
    assert store.rollback(SURFACE) == "g2"
    assert store.erase(SURFACE, ["b"], {}) == {}


def test_generations_name_the_bundle_that_replaced_theirs(store: SlateStore) -> None:
    publish(store, "g1")
    old = store.reader(SURFACE).generation.bundle
    assert store.erase(SURFACE, [], {old: "new"}) == {"g1": 0}
    assert store.reader(SURFACE).generation == replace(generation("g1"), bundle="new")
    assert len(store.reader(SURFACE)) == 3


def test_publishing_a_name_again_replaces_it(store: SlateStore) -> None:
    publish(store, "g1", ["a"])
    publish(store, "g1", ["a", "b"])
    assert len(store.reader(SURFACE)) == 2
    assert store.get(SURFACE, "b") is not None


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (
            ["a", ""],
            "User ids must have 1 to 511 bytes; of 2 given, 0 are missing and the others have 0 to 1",
        ),
        (["x" * 512], "the others have 512 to 512"),
        ([None], "of 1 given, 1 are missing"),
    ],
)
def test_refused_users(store: SlateStore, users: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message), store.begin(generation("g1")) as writer:
        writer.put_many(slates("g1", users))
    assert store.generations(SURFACE) == []
