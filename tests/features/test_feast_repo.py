"""The repository for Feast: what its files say of each definition. tests/integration/test_feast.py runs Feast on it."""

import ast
from pathlib import Path

import pytest
import yaml

from crossfade.features.definitions import STORED, STORED_ENTITIES
from crossfade.features.feast_repo import DEFINITIONS_FILE, README_FILE, STORE_FILE, write_feast_repo
from crossfade.features.stored import schema_of
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema.errors import NotFoundError


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake.create(tmp_path / "lake")
    for entity in STORED_ENTITIES:
        made.append(GOLD, entity.table, schema_of(entity).empty_table())
    return made


def test_every_stored_feature_is_a_field_of_its_view(lake: Lake, tmp_path: Path) -> None:
    text = (write_feast_repo(lake, tmp_path / "feast")[1]).read_text()
    ast.parse(text)
    for feature in STORED:
        assert text.count(f'Field(name="{feature.name}"') == 1
    for entity in STORED_ENTITIES:
        assert f"{entity.table} = FeatureView(" in text
        assert str(lake.path.absolute() / "gold" / entity.table / "*.parquet") in text
    assert text.count("ttl=timedelta(hours=192)") == len(STORED_ENTITIES)
    assert text.count('created_timestamp_column="created_at"') == len(STORED_ENTITIES)


def test_the_store_keeps_online_values_in_sqlite_or_redis(lake: Lake, tmp_path: Path) -> None:
    def online(redis: str | None) -> object:
        directory = tmp_path / "feast"
        names = [path.name for path in write_feast_repo(lake, directory, redis)]
        assert names == [STORE_FILE, DEFINITIONS_FILE, README_FILE]
        told = yaml.safe_load((directory / STORE_FILE).read_text())
        assert told["offline_store"] == {"type": "duckdb"}
        return told["online_store"]

    assert online(None) == {"type": "sqlite", "path": "online.db"}
    assert online("cache:6379,db=1") == {"type": "redis", "connection_string": "cache:6379,db=1"}


def test_the_readme_says_how_to_ask_without_leaks(lake: Lake, tmp_path: Path) -> None:
    text = write_feast_repo(lake, tmp_path / "feast")[2].read_text()
    assert "filter_by_created_timestamp=True" in text
    assert "| `country_track_features` | country, track_id | `country_listens` | 192 h |" in text


def test_nothing_stored_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        NotFoundError, match=r"no stored features \(no gold/user_features\); write them first"
    ):
        write_feast_repo(Lake.create(tmp_path / "lake"), tmp_path / "feast")
