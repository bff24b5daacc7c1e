"""The same shards of a week by Spark on two cores and by two processes of one machine: rates after start-up, and equal bytes."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.weekly import MODEL
from benchmarks.weekly.kills import digests
from benchmarks.weekly.stages import SURFACE
from benchmarks.weekly.world import World, settings_of, world_of
from crossfade.features.dataset import Dataset
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import WeeklySettings, default_settings
from crossfade.store.plan import ShardSpec, plan_shards
from crossfade.store.shards import generate_shard, load_inputs
from crossfade.store.shards_spark import Batch, generate_on_spark

if TYPE_CHECKING:
    from crossfade.recommender.recommend import Recommender

CORES: Final = 2
NUM_TRACKS, NUM_USERS = 20_000, 8_000
QUICK_TRACKS, QUICK_USERS = 10_000, 2_000
USERS_PER_SHARD: Final = 250
LEAST: Final = 0.7


def run(options: Options) -> Result:
    """Make the shards of one world on both sides.

    Args:
        options: `quick` takes a smaller world.
    """
    sizes = (QUICK_TRACKS, QUICK_USERS) if options.quick else (NUM_TRACKS, NUM_USERS)
    with TemporaryDirectory() as folder:
        world = world_of(Path(folder), *sizes, settings_of(MODEL))
        plain = _plain(world, Path(folder))
        spark = _spark(world, Path(folder))
        is_equal = digests(Path(folder) / "plain") == digests(Path(folder) / "spark") != {}
    return described(sizes[1], {"plain": plain, "spark": spark}, is_equal=is_equal, quick=options.quick)


def described(num_users: int, seconds: dict[str, float], *, is_equal: bool, quick: bool) -> Result:
    """Put seconds of both sides into figures and bars."""
    figures: dict[str, Any] = {"quick": quick, "users": num_users, "users_per_shard": USERS_PER_SHARD}
    figures |= {f"{side}_users_per_second": round(num_users / taken, 1) for side, taken in seconds.items()}
    figures["spark_over_plain"] = round(seconds["plain"] / seconds["spark"], 3)
    figures["bytes_equal"] = int(is_equal)
    bars = {
        "spark_over_plain": Bar(figures["spark_over_plain"], at_least=LEAST),
        "bytes_equal": Bar(figures["bytes_equal"], at_least=1),
    }
    return Result(
        figures, bars, ["Each side has made all shards once, in another workspace, before it is timed."]
    )


def _plain(world: World, folder: Path) -> float:
    """Return the seconds of two processes that take shard after shard."""
    with ProcessPoolExecutor(CORES, get_context("spawn")) as pool:
        for name in ("plain-warm", "plain"):
            workspace, specs = _planned(world, folder / name)
            started = time.perf_counter()
            each = [pool.submit(_generate, world, workspace.path, spec) for spec in specs]
            for waited in each:
                waited.result()
    return time.perf_counter() - started


def _spark(world: World, folder: Path) -> float:
    """Return the seconds of Spark on as many cores."""
    from crossfade.lake.engine_spark import spark_session

    with spark_session(folder / "scratch", f"local[{CORES}]") as session:
        for name in ("spark-warm", "spark"):
            workspace, specs = _planned(world, folder / name)
            generation = specs[0].generation
            batch = Batch(world.dataset, world.bundle, workspace.path, _settings(), SURFACE, generation)
            started = time.perf_counter()
            generate_on_spark(session, batch)
    return time.perf_counter() - started


def _planned(world: World, home: Path) -> tuple[Workspace, Sequence[ShardSpec]]:
    """Plan all shards in a workspace of their own."""
    workspace = Workspace.create(home)
    return workspace, plan_shards(world.dataset, world.bundle, workspace, _settings(), SURFACE)


def _settings() -> WeeklySettings:
    return default_settings().weekly.model_copy(update={"users_per_shard": USERS_PER_SHARD})


@lru_cache(maxsize=1)
def _loaded(dataset: Path, bundle: Path) -> "tuple[Dataset, Recommender]":
    return load_inputs(dataset, bundle)


def _generate(world: World, workspace: Path, spec: ShardSpec) -> None:
    """Make one shard in a process of the pool."""
    generate_shard(world.dataset, world.bundle, Workspace.open(workspace), _settings(), spec, load=_loaded)
