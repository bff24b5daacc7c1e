"""Online features: what every backend must do, one get for an entity, a switch that is whole."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import redis

from crossfade.features.definitions import ARTIST, COUNTRY_TRACK, Entity
from crossfade.features.stored import schema_of
from crossfade.schema.errors import (
    CrossfadeError,
    InputError,
    IntegrityError,
    MissingExtraError,
    NotFoundError,
)
from crossfade.store import features, redis_rows
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.redis_rows import RedisRows, RedisWriter, connected


@pytest.fixture(params=["embedded", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FeatureStore:
    if request.param == "embedded":
        return FeatureStore(EmbeddedStore(tmp_path))
    rows = connected(f"redis://127.0.0.1:{request.getfixturevalue('redis_port')}/1")
    rows.client.flushdb()
    return FeatureStore(rows)


def tables(listens: float, artists: Sequence[str] = ("a", "ü")) -> dict[Entity, pa.Table]:
    count = len(artists)
    of_artists = [artists, [listens] * count, [1.0] * count, [2.0] * count]
    pairs = [["NO", "SE"], ["t1", "t1"], [listens, listens + 1]]
    return {
        entity: pa.table([pa.array(column) for column in columns], names=schema_of(entity).names).cast(
            schema_of(entity)
        )
        for entity, columns in ((ARTIST, of_artists), (COUNTRY_TRACK, pairs))
    }


def write(store: FeatureStore, name: str, listens: float, as_of: int = 7) -> None:
    store.write(name, tables(listens), as_of=as_of, lake_versions={"gold/interactions": 3})
    store.rows.activate(FAMILY, name)


def test_one_entity_comes_back_by_its_key(store: FeatureStore) -> None:
    write(store, "g1", 5)
    reader = store.reader()
    assert reader.get(ARTIST, "ü") == {"artist_listens": 5, "artist_listeners": 1, "artist_tracks": 2}
    assert reader.get(COUNTRY_TRACK, "SE", "t1") == {"country_listens": 6}
    assert reader.get(COUNTRY_TRACK, "SE", "t2") is None
    assert reader.get(ARTIST, "nobody") is None
    about = reader.generation
    assert (about.name, about.as_of, about.lake_versions, about.num_users) == (
        "g1",
        7,
        {"gold/interactions": 3},
        4,
    )


def test_many_come_in_order_with_nan_for_the_unknown(store: FeatureStore) -> None:
    write(store, "g1", 5)
    found = store.reader().get_many(ARTIST, ["nobody", "a", "a"])["artist_listens"]
    np.testing.assert_array_equal(found, np.array([np.nan, 5, 5], np.float32))


def test_nothing_is_live_before_the_first_activation(store: FeatureStore) -> None:
    store.write("g1", tables(1), as_of=7, lake_versions={})
    with pytest.raises(
        NotFoundError, match="No online features are written yet; run: crossfade features materialise"
    ):
        store.reader()


def test_a_reader_keeps_its_generation_while_another_goes_live(store: FeatureStore) -> None:
    write(store, "g1", 1)
    reader = store.reader()
    write(store, "g2", 2)
    assert reader.get(ARTIST, "a") == {"artist_listens": 1, "artist_listeners": 1, "artist_tracks": 2}
    assert store.reader().generation.name == "g2"
    assert store.rows.rollback(FAMILY) == "g1"
    assert store.reader().generation.name == "g1"


def test_prune_keeps_the_last_activated(store: FeatureStore) -> None:
    for name in ("g1", "g2", "g3"):
        write(store, name, 1)
    assert store.rows.prune(FAMILY, 2) == ["g1"]
    assert [each.name for each in store.rows.generations(FAMILY)] == ["g2", "g3"]
    store.rows.rollback(FAMILY)
    with pytest.raises(NotFoundError, match="no generation to roll back to"):
        store.rows.rollback(FAMILY)


def test_what_fails_halfway_leaves_nothing(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write(store, "g1", 1)
    monkeypatch.setattr(features, "BATCH_ROWS", 1)
    with pytest.raises(InputError, match=r"at most 511 bytes, but that of artist b'artist.*has 607"):
        store.write("g2", tables(2, ["a", "x" * 600]), as_of=8, lake_versions={})
    assert [each.name for each in store.rows.generations(FAMILY)] == ["g1"]
    with pytest.raises(NotFoundError, match="no generation g2 in "):
        store.rows.activate(FAMILY, "g2")
    with pytest.raises(NotFoundError, match="no generation g2 in "):
        store.rows.reader(FAMILY, "g2")


def test_values_of_another_layout_are_refused(store: FeatureStore) -> None:
    with store.rows.begin(_about("g1")) as writer:
        writer.put_values({b"artist\0a": b"\0" * 16})
    store.rows.activate(FAMILY, "g1")
    with pytest.raises(
        IntegrityError, match=r"must be 16 bytes of layout .*, got 16 bytes of layout 00000000"
    ):
        store.reader().get(ARTIST, "a")


def _about(name: str) -> features.Generation:
    return features.Generation(FAMILY, name, "", 0, {}, 0, 1, (), ())


def test_a_pruned_generation_is_told_from_unknown_entities(redis_port: int) -> None:
    store = FeatureStore(connected(f"redis://127.0.0.1:{redis_port}/1"))
    store.rows.client.flushdb()  # type: ignore[attr-defined]
    write(store, "g1", 1)
    reader = store.reader()
    write(store, "g2", 2)
    store.rows.prune(FAMILY, 1)
    with pytest.raises(
        NotFoundError, match="Generation g1 of features is gone from Redis; open the live one"
    ):
        reader.get(ARTIST, "a")


def test_a_server_that_is_away_is_one_sentence() -> None:
    with pytest.raises(CrossfadeError, match=r"Redis at redis://127\.0\.0\.1:1/0 does not answer"):
        connected("redis://:secret@127.0.0.1:1/0")


def test_a_server_that_forgets_is_noticed(redis_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    client = redis.Redis(port=redis_port, db=1)
    monkeypatch.setattr(redis_rows.RedisReader, "read", lambda self, keys: [None] * len(keys))
    with pytest.raises(
        IntegrityError, match=r"gives back other values than were written to g1; look whether it evicts"
    ):
        RedisWriter(client, _about("g1")).put_values({b"k": b"v"})
    client.close()


def test_rows_in_redis_are_removed_whole(redis_port: int) -> None:
    client = redis.Redis(port=redis_port, db=1)
    client.flushdb()
    store = FeatureStore(RedisRows(client))
    write(store, "g1", 1)
    write(store, "g2", 1)
    store.rows.prune(FAMILY, 1)
    assert not [key for key in client.scan_iter() if b":g1:" in key]
    client.close()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crossfade\[redis\]'"):
        connected("redis://127.0.0.1:1/0")
