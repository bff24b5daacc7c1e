"""Slates that are as they were stand in one generation only, and every other promise of a store holds all the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from crossfade.schema.errors import IntegrityError
from crossfade.store.contract import SlateStore, StoredSlate
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.redis_store import RedisStore
from crossfade.store.unchanged import UNCHANGED, Base, Marking
from tests.store.slates import SURFACE, generation, slates

STORES: dict[str, Callable[[pytest.FixtureRequest], EmbeddedStore | RedisStore]] = {
    "embedded": lambda request: EmbeddedStore(request.getfixturevalue("tmp_path") / "store"),
    "redis": lambda request: RedisStore(request.getfixturevalue("redis_server").emptied()),
}
USERS = "abcd"


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest) -> EmbeddedStore | RedisStore:
    return STORES[request.param](request)


def week(store: SlateStore, name: str, changed: str, users: str = USERS, **others: object) -> int:
    """Publish a week in which only some users have other slates than in "g1"; return how many were not written."""
    table = pa.concat_tables(slates(name if user in changed else "g1", [user]) for user in users)
    about = replace(generation(name, len(users)), **others)
    with store.begin(about, keeps_unchanged=True) as writer:
        writer.put_many(table)
        assert len(writer) == len(users)
        count = writer.num_unchanged
    store.activate(SURFACE, name)
    return count


def seen(store: SlateStore, user: str) -> tuple[str, str] | None:
    """Return the generation of a user's live slate, and the week that its tracks are of."""
    slate: StoredSlate | None = store.get(SURFACE, user)
    return None if slate is None else (slate.generation, slate.track_ids[0].split("/")[0])


def test_only_changed_slates_are_written_and_all_are_of_the_new_generation(
    store: EmbeddedStore | RedisStore,
) -> None:
    assert week(store, "g1", USERS) == 0
    assert week(store, "g2", "b") == 3
    assert [seen(store, user) for user in "abcd"] == [
        ("g2", "g1"),
        ("g2", "g2"),
        ("g2", "g1"),
        ("g2", "g1"),
    ]
    reader = store.reader(SURFACE)
    assert (len(reader), reader.generation.base, seen(store, "nobody")) == (4, "g1", None)
    assert reader.values([b"a", b"nobody"]) == [UNCHANGED, None]
    whole = store.reader(SURFACE, "g1").get("a")
    unchanged = reader.get("a")
    assert whole is not None
    assert unchanged is not None
    assert (whole.track_ids, whole.reasons) == (unchanged.track_ids, unchanged.reasons)


def test_the_third_week_stands_on_the_first_and_so_does_a_week_that_is_published_again(
    store: EmbeddedStore | RedisStore,
) -> None:
    week(store, "g1", USERS)
    week(store, "g2", "b")
    assert week(store, "g3", "bc") == 2
    assert store.reader(SURFACE).generation.base == "g1"
    assert seen(store, "b") == ("g3", "g3")
    before = store.generations(SURFACE)
    assert week(store, "g3", "bc") == 2
    assert week(store, "g1", USERS) == 0
    assert store.generations(SURFACE) == before
    assert seen(store, "d") == ("g1", "g1")
    assert store.rollback(SURFACE) == "g3"
    assert seen(store, "d") == ("g3", "g1")


def test_a_week_of_other_slates_or_words_stands_on_nothing(store: EmbeddedStore | RedisStore) -> None:
    week(store, "g1", USERS)
    assert week(store, "g2", "abc") == 0  # a quarter is the same: too few
    assert store.reader(SURFACE).generation.base == ""
    assert week(store, "g3", USERS, reason_kinds=("none", "listen", "artist")) == 0
    assert store.reader(SURFACE).generation.base == ""
    with store.begin(generation("g4", 4)) as writer:
        writer.put_many(slates("g3", list(USERS)))
        assert writer.num_unchanged == 0


def test_users_come_and_go(store: EmbeddedStore | RedisStore) -> None:
    week(store, "g1", USERS)
    assert week(store, "g2", "e", users="abe") == 2
    assert [seen(store, user) for user in "ace"] == [("g2", "g1"), None, ("g2", "g2")]
    assert len(store.reader(SURFACE)) == 3


def test_what_is_stood_on_stays_until_nothing_stands_on_it(store: EmbeddedStore | RedisStore) -> None:
    week(store, "g1", USERS)
    week(store, "g2", "b")
    week(store, "g3", "c")
    assert store.prune(SURFACE, 1) == ["g2"]
    assert (seen(store, "a"), store.history(SURFACE)) == (("g3", "g1"), ["g3"])
    held = store.reader(SURFACE)
    week(store, "g4", USERS)
    assert store.prune(SURFACE, 1) == ["g1", "g3"]
    slate = held.get("a")
    assert slate is not None
    assert slate.track_ids[0] == "g1/a/0"


def test_an_erased_user_is_in_neither_generation(store: EmbeddedStore | RedisStore) -> None:
    week(store, "g1", USERS)
    week(store, "g2", "b")
    assert seen(store, "c") == ("g2", "g1")
    assert store.erase(SURFACE, ["a", "b"], {}) == {"g1": 2, "g2": 2}
    assert [seen(store, user) for user in "abc"] == [None, None, ("g2", "g1")]
    assert [len(store.reader(SURFACE, name)) for name in ("g1", "g2")] == [2, 2]
    assert store.reader(SURFACE).values([b"a"]) == [None]


def test_a_base_that_is_removed_meanwhile(store: EmbeddedStore | RedisStore) -> None:
    with store.begin(generation("g2")) as writer:
        writer.put_many(slates("g2", ["a"]))
    week(store, "g1", USERS)
    message = "Generation g1 of discover_weekly, which has the unchanged slates of g3, was removed while that was written"

    def write_while_it_goes() -> None:
        with store.begin(generation("g3", 4), keeps_unchanged=True) as writer:
            writer.put_many(pa.concat_tables(slates("g1", [user]) for user in USERS))
            store.activate(SURFACE, "g2")
            store.prune(SURFACE, 1)

    with pytest.raises(IntegrityError, match=message):
        write_while_it_goes()
    assert [known.name for known in store.generations(SURFACE)] == ["g2"]


def test_a_damaged_base_is_not_stood_on(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    week(store, "g1", USERS)
    (tmp_path / SURFACE / "g1" / "generation.json").write_text("{", "utf-8")
    with EmbeddedStore(tmp_path).begin(generation("g2", 4), keeps_unchanged=True) as writer:
        writer.put_many(slates("g1", list(USERS)))
        assert writer.num_unchanged == 0


def test_the_first_values_decide() -> None:
    held = {b"a": b"1", b"b": b"2", b"c": b"3"}
    base = Base(generation("g1"), lambda keys: [held.get(key) for key in keys])
    marking = Marking(base)
    assert marking.marked({}) == {}
    assert marking.marked({b"a": b"1", b"b": b"9"}) == {b"a": UNCHANGED, b"b": b"9"}
    assert marking.marked({b"c": b"9"}) == {b"c": b"9"}  # once sure, always sure
    assert (marking.num_unchanged, marking.about(generation("g2")).base) == (1, "g1")
    few = Marking(base)
    assert few.marked({b"x": b"1", b"b": b"9"}) == {b"x": b"1", b"b": b"9"}
    assert few.marked({b"a": b"1"}) == {b"a": b"1"}
    assert (few.num_unchanged, few.about(generation("g2")).base) == (0, "")
    assert base.serves(generation("g2"))
    assert not base.serves(generation("g1"))
    assert not Base(replace(generation("g1"), base="g0"), base.values).serves(generation("g2"))
