"""One interface for searching track vectors, with a measured build of its exact or approximate backend."""

import json
import logging
from pathlib import Path
from typing import Final, Protocol

from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.schema.errors import IntegrityError, MissingExtraError, SettingsError, TrainingError
from crossfade.schema.settings import IndexSettings

logger = logging.getLogger(__name__)

ABOUT: Final = "index.json"


class Index(Protocol):
    """Finds the vectors with the largest inner product.

    Attributes:
        recall_: Share of the exact best that the build found again on held-out queries.
    """

    recall_: float

    @property
    def is_exact(self) -> bool:
        """Whether answers are the true best ones."""
        ...

    def search(self, vectors: Floats, k: int) -> Ranking:
        """Search with [n, dim] float32 vectors.

        Returns:
            Rows [n, k] int32 best first and inner products [n, k] float32, padded with -1 and -inf.
        """
        ...

    def save(self, directory: Path) -> None:
        """Write what `load_index` needs beside the vectors; no pickle, no absolute path."""
        ...


def build_index(vectors: TrackVectors, settings: IndexSettings, held_out_queries: Floats) -> Index:
    """Build the index that the settings ask for and measure its recall against exact.

    `auto` takes ScaNN where it is installed and the CPU has AVX2, else exact (logged with the reason).

    Args:
        vectors: [num_tracks, dim].
        settings: Backend, recall floor and the depth of its measurement (num_tracks, if that is smaller).
        held_out_queries: [num_queries, dim] float32 user vectors.

    Raises:
        TrainingError: Recall is below `settings.min_recall`, or there are no queries to measure with.
        MissingExtraError: `scann` is asked for but not installed.
        SettingsError: `scann` is asked for but the CPU lacks AVX2.
    """
    exact = ExactIndex(vectors)
    if not len(vectors) or not _takes_scann(settings.backend):
        return exact
    if not len(held_out_queries):
        raise TrainingError(
            "ScaNN needs query vectors to measure its recall; got 0. Set index.backend=exact."
        )
    from crossfade.retrieval.index_scann import ScannIndex
    from crossfade.retrieval.index_sharded import ShardedIndex

    depth = min(settings.recall_at, len(vectors))
    truth, _ = exact.search(held_out_queries, depth)
    kind = ScannIndex if settings.shards == 1 else ShardedIndex
    index = kind.build(vectors, settings, held_out_queries, truth)
    logger.info("ScaNN over %d tracks: recall@%d of %.3f.", len(vectors), depth, index.recall_)
    if index.recall_ < settings.min_recall:
        raise TrainingError(
            f"The index needs recall@{depth} of at least {settings.min_recall} (index.min_recall) against "
            f"exact; ScaNN reached {index.recall_:.3f}. Lower the floor or set index.backend=exact."
        )
    return index


def load_index(directory: Path, vectors: TrackVectors) -> Index:
    """Load what an index saved, falling back to exact (logged) where ScaNN cannot run.

    Args:
        directory: The directory that it was saved into.
        vectors: [num_tracks, dim], the vectors that it was built over.

    Raises:
        IntegrityError: The index was built over another number of vectors.
    """
    about = json.loads((directory / ABOUT).read_text("utf-8"))
    if about["num_tracks"] != len(vectors):
        raise IntegrityError(
            f"{directory / ABOUT} is of {about['num_tracks']} tracks but there are {len(vectors)} track "
            "vectors; take both from one bundle."
        )
    if about["backend"] == "exact" or not _takes_scann("auto"):
        return ExactIndex(vectors)
    from crossfade.retrieval.index_scann import ScannIndex
    from crossfade.retrieval.index_sharded import ShardedIndex

    return (ShardedIndex if about["backend"] == "sharded" else ScannIndex).load(directory, about)


def _takes_scann(backend: str) -> bool:
    if backend == "exact":
        return False
    from crossfade.retrieval.index_scann import has_avx2, has_scann

    if has_scann() and has_avx2():
        return True
    if backend == "auto":
        missing = "a CPU with AVX2" if has_scann() else "the package scann"
        logger.warning("The index is exact: ScaNN needs %s, which is not there.", missing)
        return False
    if not has_scann():
        raise MissingExtraError("scann", "train")
    raise SettingsError(
        "index.backend='scann' needs a CPU with AVX2, which this one lacks; set index.backend=exact."
    )
