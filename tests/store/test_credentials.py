"""A store that wants a password gets it from the environment, and nothing that is shown has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossfade.privacy.receipt import Erased
from crossfade.privacy.store_traces import Stores
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, NotFoundError
from crossfade.store.credentials import (
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    with_credentials,
    without_credentials,
)
from crossfade.store.opening import opened
from crossfade.store.redis_rows import connected
from crossfade.store.redis_store import RedisStore
from tests.redis_server import RedisServer
from tests.store.loops import runs
from tests.store.slates import SURFACE, publish
from tests.store.weeks import SETTINGS

PASSWORD = "p@ss/w:rd %"


@pytest.fixture
def guarded(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a Redis that wants a password, which it does not have."""
    client = RedisStore(redis_server.emptied()).client
    client.config_set("requirepass", PASSWORD)
    try:
        yield redis_server.url
    finally:
        monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
        RedisStore(redis_server.url).client.config_set("requirepass", "")


def test_every_way_to_redis_takes_the_password_of_the_environment(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    store = opened(guarded, Workspace.create(tmp_path / "w"))
    publish(store, "g1")
    packed = store.packed(SURFACE, "a")
    assert packed is not None
    reads = store.reads()
    assert reads is not None

    async def read() -> None:
        assert await reads.packed(SURFACE, "a") == packed
        reads.close()

    runs(read(), "asyncio")
    assert connected(guarded).generations("features") == []
    erased: list[Erased] = []
    Stores.opened(None, SETTINGS, [guarded]).erase_slates(["a"], {}, erased.append)
    assert erased == [Erased(f"{guarded}/{SURFACE}", "slates", 1)]
    assert PASSWORD not in str(store) + str(erased)


def test_without_it_or_with_another_one_they_are_refused_in_words(
    guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CrossfadeError, match="Authentication required"):
        RedisStore(guarded).live(SURFACE)
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    for ask in (lambda: RedisStore(guarded).live(SURFACE), lambda: connected(guarded)):
        with pytest.raises(CrossfadeError, match="invalid username-password pair") as told:
            ask()
        assert "another" not in str(told.value)


def test_an_address_that_tells_who_we_are_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER_VARIABLE, "us")
    assert with_credentials("redis://a/0") == "redis://a/0"  # a user without a password is nobody
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert with_credentials("rediss://a:1/0") == "rediss://us:p%40ss%2Fw%3Ard%20%25@a:1/0"
    for own in ("redis://:own@a/0", "redis://me:own@a/0", "cassandra://me:own@a,b/music", "nonsense"):
        assert with_credentials(own) == own
    assert without_credentials("redis://me:own@a/0") == "redis://a/0"


def test_a_wrong_address_is_named_without_its_password() -> None:
    with pytest.raises(NotFoundError, match=r"'http://a:1' is not the address of a Redis") as told:
        connected("http://me:secret@a:1")
    assert "secret" not in str(told.value)
