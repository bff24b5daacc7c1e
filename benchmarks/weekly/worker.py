"""One process on one core: writes playlists, times its stages, or asks `implicit` for the same listeners.

    python -m benchmarks.weekly.worker CORE playlists|stages|implicit DATASET BUNDLE FIRST STOP

Prints one JSON object as its last line.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.weekly.stages import SURFACE, Block, stage_microseconds
from benchmarks.weekly.world import World
from crossfade.features.dataset import Dataset
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import default_settings
from crossfade.store.plan import ShardSpec, plan_shards, read_plan
from crossfade.store.shards import write_shard

K: Final = 30
KIB: Final = 1024
REPEATS: Final = 5  # of a stage
TRIES: Final = 4  # of all of them, and of implicit
WARM_UP: Final = 64
Found = dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A world in memory, and whom of it to recommend to.

    Args:
        world: Its files.
        dataset: The listeners.
        recommender: The bundle.
        users: Rows of listeners.
    """

    world: World
    dataset: Dataset
    recommender: Recommender
    users: range


def playlists(loaded: Loaded) -> Found:
    """Write some shards of as many listeners each, after a small one to warm up; returns how long each took."""
    settings, users = default_settings().weekly, loaded.users
    with TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder))
        first = plan_shards(loaded.world.dataset, loaded.world.bundle, workspace, settings, SURFACE)[0]
        generation, _ = read_plan(workspace, SURFACE, first.generation)

        def write(start: int, stop: int) -> None:
            spec = ShardSpec(SURFACE, first.generation, 0, 1, start, stop)
            write_shard(
                Path(folder) / spec.stem,
                spec,
                generation,
                dataset=loaded.dataset,
                recommender=loaded.recommender,
                batch_users=settings.batch_users,
            )

        write(0, WARM_UP)
        starts = starts_of(users, len(loaded.dataset.users))
        tries = [timed(len(users), partial(write, start, start + len(users))) for start in starts]
    return {"tries": tries, "peak_bytes": peak_bytes()}


def starts_of(users: range, num_users: int) -> list[int]:
    """Return where each shard of so many listeners begins: one behind the other, and from the first ones again at the end."""
    return [(users.start + number * len(users)) % (num_users - len(users) + 1) for number in range(TRIES)]


def timed(num_users: int, work: Callable[[], object]) -> Found:
    """Do something for so many listeners; returns what it took, as `tries.Try` has it."""
    began, spent = time.perf_counter(), time.process_time()
    work()
    ended, cpu_seconds = time.perf_counter(), time.process_time() - spent
    return {
        "users": num_users,
        "seconds": ended - began,
        "cpu_seconds": cpu_seconds,
        "began": began,
        "ended": ended,
    }


def peak_bytes() -> int:
    """Return the most memory that this process has held since it began (Linux).

    The `ru_maxrss` of a process is that of who started it, where that had more: here the one that has made the world.
    """
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * KIB


def stages(loaded: Loaded) -> Found:
    """Return the microseconds of each stage alone, by listener."""
    return stage_microseconds(Block(loaded.dataset, loaded.recommender, len(loaded.users), K), REPEATS)


def implicit(loaded: Loaded) -> Found:
    """Have `implicit` recommend and filter what was heard, by the same vectors as the two-tower's."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    sources, dataset = loaded.recommender.sources, loaded.dataset
    queries = dataset.queries(np.array(loaded.users, np.int32), dataset.split.end)
    model = AlternatingLeastSquares(sources.track_vectors.shape[1], num_threads=1)
    model.item_factors = np.ascontiguousarray(sources.track_vectors)
    model.user_factors = sources.two_tower.user_vectors(queries)
    ones, shape = np.ones(len(queries.track_rows), np.float32), (len(queries), len(model.item_factors))
    heard = csr_matrix((ones, (queries.owners, queries.track_rows)), shape)
    rows = np.arange(len(queries))

    def recommend() -> None:
        model.recommend(rows, heard, N=K, filter_already_liked_items=True)

    recommend()
    return {"tries": [timed(len(queries), recommend) for _ in range(TRIES)]}


TASKS: Final[dict[str, Callable[[Loaded], Found]]] = {
    "playlists": playlists,
    "stages": stages,
    "implicit": implicit,
}


def main() -> None:
    """Do what the arguments say."""
    core, task, dataset, bundle, first, stop = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    world = World(Path(dataset), Path(bundle))
    loaded = Dataset.load(world.dataset), Recommender.load(world.bundle)
    print(json.dumps(TASKS[task](Loaded(world, *loaded, range(int(first), int(stop))))))


if __name__ == "__main__":
    main()
