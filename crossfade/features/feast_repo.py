"""A Feast repository of the stored features, written from their definitions: for teams that run Feast already."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crossfade.features.definitions import STORED_ENTITIES, Entity, Kind, freshness_hours, stored_of
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema import columns as c
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import NotFoundError

TYPES: Final = {Kind.FLOAT32: "Float32", Kind.INT64: "Int64"}
STORE_FILE: Final = "feature_store.yaml"
DEFINITIONS_FILE: Final = "crossfade_features.py"
README_FILE: Final = "README.md"
# Feast reads Delta tables by an extension that DuckDB downloads, so it gets their files. Stored features are only ever
# appended: what compaction leaves behind are rows that stand there twice, which changes no join.
FILES: Final = "*.parquet"

_HEAD: Final = '''"""Stored features of Crossfade. `crossfade features feast` wrote this file and will write it anew."""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource
from feast.data_format import ParquetFormat
from feast.types import Float32, Int64, String
from feast.value_type import ValueType
'''
_STORE: Final = """project: crossfade
provider: local
registry: registry.db
offline_store:
  type: duckdb
online_store:
{online}
entity_key_serialization_version: 3
"""
_README: Final = """# Crossfade's stored features for Feast

Written by `crossfade features feast` from Crossfade's definitions, over the gold tables of the lake at
`{lake}`. `crossfade features materialise` adds to those tables.

    pip install 'crossfade[feast]'
    feast apply
    feast materialize-incremental $(date -u +%Y-%m-%dT%H:%M:%S)

| view | keys | features | used up to |
|---|---|---|---|
{views}

**Training sets.** Ask for what was known, or back-filled rows tell the past what came later:

    store.get_historical_features(entity_df, features=[...], filter_by_created_timestamp=True)

Take the DuckDB offline store, which is set here: Feast's file store drops rows that share key and timestamp.

**On the request path** read Crossfade's own store: `docs/features.md` of Crossfade says what each costs.
"""


def write_feast_repo(lake: Lake, directory: Path, redis: str | None = None) -> list[Path]:
    """Write a Feast 0.67 repository: the store's settings, entities, sources, views and a README.

    Args:
        lake: With stored features in gold.
        directory: Gets the files; those that are there are replaced.
        redis: Feast's own connection string, host:port or host:port,db=1, for Redis as the online store; None takes SQLite
            in the directory.

    Returns:
        The files.

    Raises:
        NotFoundError: Nothing has been materialised.
    """
    missing = [entity.table for entity in STORED_ENTITIES if not lake.has(GOLD, entity.table)]
    if missing:
        raise NotFoundError(
            f"The lake at {lake.path} has no stored features (no gold/{missing[0]}); write them first: "
            f"crossfade features materialise --lake {lake.path} --workspace DIR"
        )
    online = f"  type: redis\n  connection_string: {redis}" if redis else "  type: sqlite\n  path: online.db"
    views = "\n".join(_line(entity) for entity in STORED_ENTITIES)
    files = {
        STORE_FILE: _STORE.format(online=online),
        DEFINITIONS_FILE: _HEAD + "\n".join(_definitions(lake)),
        README_FILE: _README.format(lake=lake.path.absolute(), views=views),
    }
    for name, text in files.items():
        replace_file(directory / name, text.encode())
    return [directory / name for name in files]


def _definitions(lake: Lake) -> Iterator[str]:
    """Yield the Python text of entities, sources and views."""
    for key in dict.fromkeys(key for entity in STORED_ENTITIES for key in entity.keys):
        yield f'\n{key} = Entity(name="{key}", join_keys=["{key}"], value_type=ValueType.STRING)'
    for entity in STORED_ENTITIES:
        yield from _view(entity, lake)


def _view(entity: Entity, lake: Lake) -> Iterator[str]:
    table, features = entity.table, stored_of(entity)
    yield f"\n{table}_source = FileSource("
    yield f'    name="{table}_source",'
    yield f"    path={str(lake.path.absolute() / GOLD / table / FILES)!r},"
    yield "    file_format=ParquetFormat(),"
    yield f'    timestamp_field="{c.TIMESTAMP}",'
    yield f'    created_timestamp_column="{c.CREATED_AT}",'
    yield ")"
    yield f"{table} = FeatureView("
    yield f'    name="{table}",'
    yield f"    entities=[{', '.join(entity.keys)}],"
    yield f"    ttl=timedelta(hours={freshness_hours(entity)}),"
    yield "    schema=["
    for key in entity.keys:
        yield f'        Field(name="{key}", dtype=String),'
    for each in features:
        tags = f'{{"window": "{each.window}", "owner": "{each.owner}"}}'
        yield f'        Field(name="{each.name}", dtype={TYPES[each.kind]}, description={each.description!r}, tags={tags}),'
    yield "    ],"
    yield f"    source={table}_source,"
    yield f'    owner="{features[0].owner}",'
    yield ")\n"


def _line(entity: Entity) -> str:
    names = ", ".join(f"`{each.name}`" for each in stored_of(entity))
    return f"| `{entity.table}` | {', '.join(entity.keys)} | {names} | {freshness_hours(entity)} h |"
