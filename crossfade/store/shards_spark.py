"""A batch's shards on Spark: a task makes a few, by the function that one machine runs, so their bytes are the same.

Executors need what a machine needs: this package, and dataset, bundle and workspace at the same paths, on a file system
that they share. A Python worker loads a bundle once, memory-mapped, so that the workers of a machine share its pages;
Spark runs one for each core (`spark.task.cpus` is 1), and a shard keeps to one thread. Tasks that are killed, repeated or
run twice change nothing: whoever finishes a shard moves equal bytes to the same name.
"""

import gc
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipimport import zipimporter

import pyarrow as pa

from crossfade.recommender.workspace import Workspace
from crossfade.schema.memory import TUNABLES, with_huge_pages
from crossfade.schema.settings import WeeklySettings
from crossfade.store.plan import ShardSpec, read_plan
from crossfade.store.shards import Receipt, generate_shard, load_inputs

if TYPE_CHECKING:  # it loads TensorFlow
    from crossfade.features.dataset import Dataset
    from crossfade.recommender.recommend import Recommender

LOCAL: Final = "local"
# Between two tasks a Python worker of Spark looks through its memory for garbage and reads its zip files anew: a quarter of a
# second of a core, but for `_settle` and `_forget_zips`. A task that is repeated keeps the shards that are finished.
SHARDS_A_TASK: Final = 4
LEAST_TASKS_A_CORE: Final = 4  # so that cores end together
TOLD: Final = (
    "id bigint, receipt string"  # by Spark's grammar: a shard's place in the plan, and its receipt as JSON
)


@dataclass(frozen=True)
class Batch:
    """A planned batch, as executors are told of it.

    Args:
        dataset_dir: What it was planned for.
        bundle_dir: What it was planned with.
        workspace: Directory of the workspace, which has the plan and gets the shards.
        settings: `batch_users` is read.
        surface: Whose slates.
        generation: Its name.
    """

    dataset_dir: Path
    bundle_dir: Path
    workspace: Path
    settings: WeeklySettings
    surface: str
    generation: str


def generate_on_spark(session: Any, batch: Batch) -> list[Receipt]:
    """Make all shards of a planned batch; those that are finished are kept.

    Args:
        session: A `pyspark.sql.SparkSession`.
        batch: At paths that driver and executors have in common.

    Returns:
        The receipts of all shards, in their order.

    Raises:
        NotFoundError: The generation was never planned.
        PySparkException: A shard failed as often as `spark.task.maxFailures` allows; the others are kept.
    """
    num_shards, context = len(_planned(batch)), session.sparkContext
    # Elsewhere PYSPARK_PYTHON says which Python executors have, and their image how.
    if context.master.startswith(LOCAL):
        context.pythonExec = sys.executable
        context.environment[TUNABLES] = with_huge_pages({**os.environ, **context.environment})[TUNABLES]
    few = min(num_shards, LEAST_TASKS_A_CORE * context.defaultParallelism)
    places = session.range(num_shards, numPartitions=max(few, math.ceil(num_shards / SHARDS_A_TASK)))
    told = places.mapInArrow(partial(_generated, batch), TOLD).toArrow().to_pylist()
    return [Receipt(**json.loads(row["receipt"])) for row in sorted(told, key=lambda row: row["id"])]


def _generated(batch: Batch, places: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Make the shards at places (column `id`) of the plan, in an executor."""
    workspace, shards = Workspace.open(batch.workspace), _planned(batch)
    inputs = (batch.dataset_dir, batch.bundle_dir, workspace, batch.settings)
    for rows in places:
        for place in rows.column("id").to_pylist():
            receipt = generate_shard(*inputs, shards[place], load=_loaded)
            _settle()
            yield pa.RecordBatch.from_pydict({"id": [place], "receipt": [json.dumps(asdict(receipt))]})
    _forget_zips()


def _planned(batch: Batch) -> Sequence[ShardSpec]:
    return read_plan(Workspace.open(batch.workspace), batch.surface, batch.generation)[1]


@lru_cache(maxsize=1)
def _loaded(dataset_dir: Path, bundle_dir: Path) -> "tuple[Dataset, Recommender]":
    """Load once in each Python worker, which Spark keeps for many tasks."""
    return load_inputs(dataset_dir, bundle_dir)


@lru_cache(maxsize=1)
def _settle() -> None:
    """Once a shard is made, all is loaded and compiled that there will be: looks for garbage after tasks may pass it over."""
    gc.collect()
    gc.freeze()


def _forget_zips() -> None:
    """Forget who finds modules in zip files: Spark has each read its file anew before the next task, for a tenth of a second.

    Whoever imports from one after this makes its finder again.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]
