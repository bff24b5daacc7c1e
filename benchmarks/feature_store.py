"""Reading online features: one packed value an entity against Feast's online read of the same values.

Both sides read all stored features of tracks, from stores that hold the same rows: ours from the embedded store and from
Redis, Feast's from its SQLite and its Redis online stores, in one process, in turn. Feast's time is that of
`get_online_features(...).to_dict()`, ours of `get` (one track, as a dict) and `get_many` (a hundred, as an array).
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Final

import numpy as np
import pyarrow as pa

from benchmarks import redis_server
from benchmarks.harness import Bar, Options, Result, in_turn, median_and_spread
from crossfade.features.definitions import STORED_ENTITIES, TRACK, Entity, Kind, stored_of
from crossfade.features.feast_repo import DEFINITIONS_FILE, write_feast_repo
from crossfade.features.stored import schema_of
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema.errors import MissingExtraError
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.materialise import with_moments
from crossfade.store.redis_rows import connected

TRACKS: Final = 20_000
QUICK_TRACKS: Final = 1_000
MANY: Final = 100
REPEATS: Final = 200
QUICK_REPEATS: Final = 50
SEED: Final = 42
AS_OF: Final = datetime(2026, 1, 1, tzinfo=UTC)
# A packed read has to earn its keep: clearly faster on the same Redis.
AT_LEAST: Final = {1: 2.0, MANY: 5.0}

Side = Callable[[], object]


def run(options: Options) -> Result:
    """Time both sides for one track and for a hundred.

    Raises:
        MissingExtraError: Feast is not installed.
    """
    num_tracks = QUICK_TRACKS if options.quick else TRACKS
    repeats = QUICK_REPEATS if options.quick else REPEATS
    with TemporaryDirectory() as folder, ExitStack() as servers:
        why_not = redis_server.why_not()
        port = None if why_not else servers.enter_context(redis_server.running(Path(folder))).port
        sides = _sides(Path(folder), num_tracks, port)
        seconds = in_turn(sides, repeats)
    figures = {"quick": options.quick, "tracks": num_tracks, "repeats": repeats}
    return result(seconds, figures, why_not)


def result(seconds: Mapping[str, Sequence[float]], figures: Mapping[str, int], why_not: str | None) -> Result:
    """Return medians, spreads and, where Redis was there, how many times longer Feast took.

    Args:
        seconds: Side -> seconds of each repeat.
        figures: What was measured on.
        why_not: Why there was no Redis, None if there was.
    """
    found: dict[str, Any] = dict(figures)
    for name, taken in seconds.items():
        median, spread = median_and_spread([each * 1e6 for each in taken])
        found |= {f"{name}_us": round(median, 1), f"{name}_spread_us": round(spread, 1)}
    notes = [f"All {len(stored_of(TRACK))} stored features of a track; medians and quartile distances."]
    if why_not:
        return Result(found, {}, [*notes, f"Nothing of Redis: {why_not}."])
    ratios = {
        f"redis_ratio_{count}": found[f"feast_redis_{count}_us"] / found[f"packed_redis_{count}_us"]
        for count in AT_LEAST
    }
    bars = {
        f"redis_ratio_{count}": Bar(ratios[f"redis_ratio_{count}"], at_least=least)
        for count, least in AT_LEAST.items()
    }
    return Result(found | {name: round(value, 1) for name, value in ratios.items()}, bars, notes)


def _sides(folder: Path, num_tracks: int, port: int | None) -> dict[str, Side]:
    """Fill all stores with the same rows, and return what reads from each."""
    lake = Lake.create(folder / "lake")
    tables = {entity: _rows(entity, num_tracks if entity is TRACK else 1) for entity in STORED_ENTITIES}
    for entity, table in tables.items():
        lake.append(GOLD, entity.table, with_moments(table, int(AS_OF.timestamp()), AS_OF))
    random = np.random.default_rng(SEED)
    ids = [f"track-{number}" for number in random.choice(num_tracks, MANY, replace=False)]
    stores = {"embedded": FeatureStore(EmbeddedStore(folder / "store"))}
    repositories: dict[str, str | None] = {"sqlite": None}
    if port is not None:
        stores["redis"] = FeatureStore(connected(f"redis://127.0.0.1:{port}/0"))
        repositories["redis"] = f"127.0.0.1:{port},db=1"
    sides: dict[str, Side] = {}
    for name, store in stores.items():
        sides |= _packed(f"packed_{name}", store, tables, ids)
    for name, address in repositories.items():
        sides |= _feast(f"feast_{name}", lake, folder / name, address, ids)
    return sides


def _rows(entity: Entity, count: int) -> pa.Table:
    """Make random features of entities whose keys are track-0, track-1, and so on."""
    random = np.random.default_rng(SEED)
    keys = [pa.array([f"{key.partition('_')[0]}-{number}" for number in range(count)]) for key in entity.keys]
    values = [
        pa.array(random.integers(0, 1 << 40, count))
        if each.kind == Kind.INT64
        else pa.array(random.random(count).astype(np.float32))
        for each in stored_of(entity)
    ]
    return pa.table([*keys, *values], schema=schema_of(entity))


def _packed(
    name: str, store: FeatureStore, tables: dict[Entity, pa.Table], ids: list[str]
) -> dict[str, Side]:
    store.write("benchmark", tables, as_of=int(AS_OF.timestamp()), lake_versions={})
    store.rows.activate(FAMILY, "benchmark")
    reader = store.reader()
    return {
        f"{name}_1": lambda: reader.get(TRACK, ids[0]),
        f"{name}_{MANY}": lambda: reader.get_many(TRACK, ids),
    }


def _feast(name: str, lake: Lake, directory: Path, redis: str | None, ids: list[str]) -> dict[str, Side]:
    os.environ["FEAST_USAGE"] = "False"
    try:
        import feast
    except ImportError as error:
        raise MissingExtraError("feast", "feast") from error
    write_feast_repo(lake, directory, redis)
    store = feast.FeatureStore(repo_path=str(directory))
    found = vars(definitions(directory / DEFINITIONS_FILE)).values()
    with redirect_stdout(sys.stderr):  # it tells its progress there
        store.apply([each for each in found if isinstance(each, feast.Entity | feast.FeatureView)])
        store.materialize(AS_OF - timedelta(days=1), AS_OF + timedelta(days=1))
    features = [f"{TRACK.table}:{each.name}" for each in stored_of(TRACK)]
    keys = [{"track_id": track} for track in ids]
    return {
        f"{name}_1": lambda: store.get_online_features(features, keys[:1]).to_dict(),
        f"{name}_{MANY}": lambda: store.get_online_features(features, keys).to_dict(),
    }


def definitions(path: Path) -> ModuleType:
    """Import a generated file of definitions, as Feast does."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module
