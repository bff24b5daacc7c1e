"""Feast on our stored features: its point-in-time join, and its online stores, give the values that ours give."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.feature_store import definitions
from crossfade.features.as_of import as_of
from crossfade.features.definitions import STORED_ENTITIES, Entity, stored_of
from crossfade.features.feast_repo import DEFINITIONS_FILE, write_feast_repo
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema import columns as c
from crossfade.schema.settings import parse_settings
from crossfade.schema.tables import TIMESTAMP_TYPE
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FeatureStore
from crossfade.store.materialise import materialise
from tests import builders
from tests.features.gold import gold_lake
from tests.redis_server import running_redis

SETTINGS: Final = parse_settings("skips: {correct: false}\n")
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_DAY: Final = int(START.timestamp()) / SECONDS_PER_DAY
# Days that features are of, and on which they were written: the third is a back-fill, the fourth writes day 20 again.
WRITTEN: Final = ((10, 10.1), (20, 20.1), (15, 21.0), (20, 22.0))
USERS: Final = ("u0", "u1", "u2", "u3")


_connect: Final = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> None:
    """Feast may talk to the server of the test, and to nobody else."""
    assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "localhost", "::1"), address
    _connect(self, address)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with a history of stored features; each day has other listens."""
    plays = [(USERS[n % 4], f"{'abc'[n % 3]}{n % 5}", FIRST_DAY + n / 3, 1.0) for n in range(70)]
    dataset = builders.dataset(plays)
    dataset = replace(dataset, users=builders.users(USERS, ["SE", "NO", "SE", None]))
    directory = tmp_path_factory.mktemp("feast")
    made = gold_lake(directory / "lake", dataset)
    store = FeatureStore(EmbeddedStore(directory / "store"))
    for day, written in WRITTEN:
        moment = START + timedelta(days=day)
        # Every writing counts other settings, so that the same day can be written twice.
        settings = SETTINGS.model_copy(update={"seed": int(written * 10)})
        materialise(made, settings, store, as_of=int(moment.timestamp()), now=START + timedelta(days=written))
    return made


@pytest.fixture(scope="module")
def online(lake: Lake) -> FeatureStore:
    """Our own online store of that lake."""
    return FeatureStore(EmbeddedStore(lake.path.parent / "store"))


@pytest.fixture(scope="module")
def feast(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Opens a Feast store over the generated repository, after applying it; importing Feast takes seconds."""
    patch = pytest.MonkeyPatch()
    patch.setenv("FEAST_USAGE", "False")
    patch.setattr(socket.socket, "connect", _loopback_only)
    library = pytest.importorskip("feast")

    def opened(redis: str | None = None) -> Any:
        directory = tmp_path_factory.mktemp("repo")
        write_feast_repo(lake, directory, redis)
        store = library.FeatureStore(repo_path=str(directory))
        module = definitions(directory / DEFINITIONS_FILE)
        kinds = (library.Entity, library.FeatureView)
        store.apply([each for each in vars(module).values() if isinstance(each, kinds)])
        return store

    yield opened
    patch.undo()


@pytest.fixture(scope="module")
def sqlite(feast: Callable[..., Any]) -> Any:
    return feast()


def asked(lake: Lake, entity: Entity) -> pa.Table:
    """Every key, and one that nobody knows, at moments before, between and after all writings."""
    keys = lake.read(GOLD, entity.table).select(list(entity.keys)).to_pandas().drop_duplicates()
    unknown = pd.DataFrame([dict.fromkeys(entity.keys, "nobody")])
    moments = pd.DataFrame(
        {c.TIMESTAMP: [START + timedelta(days=day) for day in (9, 10.1, 16, 20.05, 21.5, 22.5, 31)]}
    )
    rows = pd.concat([keys, unknown]).merge(moments, how="cross")
    schema = pa.schema([*((name, pa.string()) for name in entity.keys), (c.TIMESTAMP, TIMESTAMP_TYPE)])
    return pa.Table.from_pandas(rows, schema, preserve_index=False)


@pytest.mark.parametrize("entity", STORED_ENTITIES, ids=lambda entity: entity.name)
def test_the_point_in_time_joins_agree(lake: Lake, sqlite: Any, entity: Entity) -> None:
    wanted = asked(lake, entity)
    ours = as_of(lake.read(GOLD, entity.table), wanted, entity).to_pandas()
    names = [each.name for each in stored_of(entity)]
    frame = wanted.to_pandas().rename(columns={c.TIMESTAMP: "event_timestamp"})
    theirs = sqlite.get_historical_features(
        frame, features=[f"{entity.table}:{name}" for name in names], filter_by_created_timestamp=True
    ).to_df()
    order = [*entity.keys, "event_timestamp"]
    ours = ours.rename(columns={c.TIMESTAMP: "event_timestamp"}).sort_values(order)[[*order, *names]]
    theirs = theirs.sort_values(order)[[*order, *names]]
    pd.testing.assert_frame_equal(
        ours.reset_index(drop=True), theirs.reset_index(drop=True), check_dtype=False, check_exact=True
    )
    known = ours.groupby("event_timestamp")[names[0]].count().tolist()
    assert known[0] == 0  # nothing had been written by day 9
    assert known[1] > 0


def test_without_the_filter_a_backfill_leaks(lake: Lake, sqlite: Any) -> None:
    frame = pd.DataFrame({c.USER_ID: ["u0"], "event_timestamp": [START + timedelta(days=16)]})
    told = [
        sqlite.get_historical_features(
            frame, features=["user_features:user_plays"], filter_by_created_timestamp=is_filtered
        ).to_df()["user_plays"][0]
        for is_filtered in (True, False)
    ]
    # u0 plays every fourth of three a day: 8 times by day 10, and 12 by day 15, which was written on day 21 only.
    assert told == [8, 12]


def test_sqlite_online_gives_what_our_store_gives(sqlite: Any, lake: Lake, online: FeatureStore) -> None:
    same_values(sqlite, lake, online)


def test_redis_online_gives_what_our_store_gives(
    feast: Callable[..., Any], lake: Lake, online: FeatureStore, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as server:
        same_values(feast(f"127.0.0.1:{server.port}"), lake, online)


def same_values(store: Any, lake: Lake, online: FeatureStore) -> None:
    store.materialize(START, START + timedelta(days=25))
    reader = online.reader()
    for entity in STORED_ENTITIES:
        rows = lake.read(GOLD, entity.table).select(list(entity.keys)).to_pandas().drop_duplicates()
        columns = [[*rows[name], "nobody"] for name in entity.keys]
        keys = [dict(zip(entity.keys, ids, strict=True)) for ids in zip(*columns, strict=True)]
        names = [each.name for each in stored_of(entity)]
        theirs = store.get_online_features([f"{entity.table}:{name}" for name in names], keys).to_dict()
        ours = reader.get_many(entity, *columns)
        for each in stored_of(entity):
            missing = -1 if each.name.endswith("_seconds") else np.nan
            found = [missing if value is None else value for value in theirs[each.name]]
            np.testing.assert_array_equal(np.array(found, ours[each.name].dtype), ours[each.name], each.name)
