"""What each stage of the batch costs alone: on one block of listeners, given what the stage before it made."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.features.dataset import Dataset
from crossfade.features.ranking_features import ranking_features
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.rescoring import rescored
from crossfade.retrieval.contract import Ranking, Retriever
from crossfade.retrieval.merging import beside, first_cut, merged
from crossfade.retrieval.sources import best_allowed
from crossfade.schema.tables import Surface
from crossfade.store.listeners import listeners
from crossfade.store.shards import table_of

SURFACE: Final = Surface.DISCOVER_WEEKLY
MICROSECONDS: Final = 1e6
Stages = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Block:
    """Some listeners of a world, and who recommends to them.

    Args:
        dataset: The listeners' histories.
        recommender: Loaded.
        size: Listeners, from the first of the dataset on.
        k: Length of a playlist.
    """

    dataset: Dataset
    recommender: Recommender
    size: int
    k: int

    def read(self) -> tuple[pa.Array, Requests]:
        """Cut the histories anew, so that nothing is known of them yet; returns [size] user ids and requests."""
        known = self.recommender.dataset
        ids, queries = listeners(self.dataset, known, 0, self.size)
        return ids, Requests.of(queries, SURFACE, self.k, rescore_reasons=True)


def stage_microseconds(block: Block, repeats: int) -> dict[str, float]:
    """Return the CPU time of each stage by listener, the median of repeats, in the order of the product."""
    with TemporaryDirectory() as folder:
        return {
            name: _cpu_seconds(stage, repeats) / block.size * MICROSECONDS
            for name, stage in _stages(block, Path(folder)).items()
        }


def _stages(block: Block, folder: Path) -> Stages:
    recommender, (ids, requests) = block.recommender, block.read()
    settings, sources = recommender.settings.sources, recommender.sources
    depth = min(settings.per_source, len(recommender.catalogue))
    names = [name for name in recommender.ranker_of(SURFACE).task.sources if name in sources.retrievers]

    def asking(retriever: Retriever) -> Ranking:
        queries, excluded = block.read()[1].queries, recommender.exclusions(requests)
        return best_allowed(retriever, queries, excluded, depth, recommender.catalogue)

    asked = {f"retrieve_{name}": partial(asking, sources.retrievers[name]) for name in names}
    ranked = recommender.rank(requests, recommender.exclusions(requests))
    chosen = recommender.rerank(requests, ranked)
    told = recommender.retelling(requests, chosen)
    likely = recommender.explain(requests, chosen, told)
    shown = rescored(recommender, requests, ranked, likely, told)
    rankings = beside([ask() for ask in asked.values()])
    return {
        "read": block.read,
        **asked,
        "merge": partial(merged, rankings, settings.candidates),
        "cut": partial(first_cut, merged(rankings, settings.candidates), settings.ranked),
        "features": partial(_features, recommender, requests, ranked),
        "rank": partial(recommender.ranker_of(SURFACE).predict, ranked.features),
        "rerank": partial(recommender.rerank, requests, ranked),
        "links": partial(recommender.retelling, requests, chosen),
        "explain": partial(recommender.explain, requests, chosen, told),
        "rescore": partial(rescored, recommender, requests, ranked, likely, told),
        "write": lambda: pq.write_table(
            table_of(ids, shown, recommender), folder / "slates.parquet", compression="zstd"
        ),
    }


def _features(recommender: Recommender, requests: Requests, ranked: Any) -> Any:
    return ranking_features(
        requests.taste,
        ranked.candidates,
        recommender.catalogue,
        recommender.statistics,
        recommender.sources.track_vectors,
    )


def _cpu_seconds(stage: Callable[[], Any], repeats: int) -> float:
    taken = []
    for _ in range(repeats + 1):
        started = time.process_time()
        stage()
        taken.append(time.process_time() - started)
    return statistics.median(taken[1:])
