"""Forgetting: neither gold nor any generation has a person's features any more; everybody else's stay."""

from pathlib import Path

import pytest

from crossfade.features.definitions import USER
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema import columns as c
from crossfade.schema.settings import parse_settings
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.forget import forget_features
from crossfade.store.materialise import materialise
from crossfade.store.redis_rows import connected
from tests import builders
from tests.features.gold import gold_lake

SETTINGS = parse_settings("skips: {correct: false}\n")
PERSON = "recognisable-person"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    plays = [((PERSON, "b", "c")[n % 3], f"t{n % 4}", n / 2, 1.0) for n in range(60)]
    return gold_lake(tmp_path / "lake", builders.dataset(plays))


@pytest.fixture(params=["embedded", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FeatureStore:
    if request.param == "embedded":
        return FeatureStore(EmbeddedStore(tmp_path / "store"))
    rows = connected(f"redis://127.0.0.1:{request.getfixturevalue('redis_port')}/2")
    rows.client.flushdb()
    return FeatureStore(rows)


def test_a_person_is_in_no_table_and_no_generation(lake: Lake, store: FeatureStore, tmp_path: Path) -> None:
    days = (20, 25)
    names = [materialise(lake, SETTINGS, store, as_of=day * SECONDS_PER_DAY).generation for day in days]
    removed = forget_features(lake, store, [PERSON, "nobody"])
    assert removed == {"gold/user_features": 2, names[0]: 1, names[1]: 1}
    assert set(lake.read(GOLD, USER.table).column(c.USER_ID).to_pylist()) == {"b", "c"}
    for name in names:
        reader = store.rows.reader(FAMILY, name)
        assert not [key for key, value in reader.items() if PERSON.encode() in key + value]
        assert reader.generation.num_users == len(list(reader.items()))
    assert store.reader().generation.name == names[1]
    assert store.reader().get(USER, "b") is not None
    assert not [path for path in (tmp_path / "store").rglob("*.mdb") if PERSON.encode() in path.read_bytes()]


def test_forgetting_again_finds_nothing_and_materialising_again_adds_nothing(
    lake: Lake, store: FeatureStore
) -> None:
    materialise(lake, SETTINGS, store, as_of=20 * SECONDS_PER_DAY)
    forget_features(lake, store, [PERSON])
    versions = lake.versions()
    assert forget_features(lake, store, [PERSON]) == {}
    assert lake.versions() == versions


def test_before_anything_is_stored_there_is_nothing_to_forget(lake: Lake, store: FeatureStore) -> None:
    assert forget_features(lake, store, [PERSON]) == {}
