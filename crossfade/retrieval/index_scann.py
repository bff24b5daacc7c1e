"""The approximate index: ScaNN (Guo et al., 2020), configured by the catalogue's size."""

import json
import math
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.contract import Ranking, padded
from crossfade.schema.cores import may_spread
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.settings import IndexSettings

# Up to here ScaNN compares a query with every track, in about 6 ns each, and the answer is exact; a tree looks into a few.
BRUTE_FORCE_TRACKS: Final = 60_000
# A tree has 2 * sqrt(n) leaves. Each way to search it looks into a share of the leaves and lets quantised
# products choose this many times k, which exact products then order; a wider way is taken only if recall asks
# for it. Each exact product is a read from somewhere in memory, so they are what a search mostly costs, and finer codes,
# which choose nearly as exact products would, are worth their bytes (docs/decisions/0053).
SEARCHES: Final = (
    *((0.015, 1.2), (0.015, 1.3), (0.02, 1.2), (0.02, 1.5)),
    *((0.04, 1.5), (0.08, 2), (0.16, 3), (0.32, 4), (0.64, 6)),
)
NUMBERS_A_CODE: Final = 1  # of a vector, that four bits stand for
ANISOTROPY: Final = 0.2
TRAINING_SAMPLE: Final = 250_000
# A width is taken when the recall of the queries that choose lies so many standard errors above the floor, so that other
# queries reach it too.
SURE_ERRORS: Final = 3.0
# Below this many queries starting threads costs more than it saves.
PARALLEL_QUERIES: Final = 256


class ScannIndex:
    """A ScaNN searcher and how it is asked.

    Args:
        searcher: The library's searcher.
        num_tracks: Vectors in it.
        leaves: Leaves to search; 0 where the search is exhaustive, then answers are exact.
        reordering: How many times k exact products order.
        recall: Measured against exact on held-out queries.
    """

    def __init__(
        self, searcher: Any, *, num_tracks: int, leaves: int, reordering: float, recall: float = 0.0
    ) -> None:
        self.searcher = searcher
        self.num_tracks = num_tracks
        self.leaves = leaves
        self.reordering = reordering
        self.recall_ = recall

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared with every query."""
        return self.leaves == 0

    @classmethod
    def build(
        cls, vectors: TrackVectors, settings: IndexSettings, queries: Floats, truth: Rows
    ) -> "ScannIndex":
        """Build over vectors [num_tracks, dim] and widen the search until recall surely reaches the floor.

        Every other query chooses the width; the rest, which had no say in it, measure the recall.

        Args:
            vectors: [num_tracks, dim].
            settings: The recall floor, and what a tree stores of the vectors.
            queries: [num_queries, dim] float32.
            truth: [num_queries, depth] int32, the exact answers.

        Returns:
            The index with its measured `recall_`, which may still be below the floor: the caller judges.
        """
        depth, judges = truth.shape[1], min(1, len(queries) - 1)
        num_leaves = 0 if len(vectors) <= BRUTE_FORCE_TRACKS else round(2 * math.sqrt(len(vectors)))
        searcher = _searcher(vectors, depth, num_leaves, settings.stored_as)
        for share, reordering in SEARCHES:
            leaves = math.ceil(num_leaves * share)
            index = cls(searcher, num_tracks=len(vectors), leaves=leaves, reordering=reordering)
            found = index.search(queries, depth)[0]
            index.recall_ = recall_against(truth[judges::2], found[judges::2])
            if num_leaves == 0 or _sure_recall(truth[::2], found[::2]) >= settings.min_recall:
                break
        return index

    def search(self, vectors: Floats, k: int) -> Ranking:
        """Return rows [n, k] int32 best first and inner products [n, k] float32, padded with -1 and -inf."""
        width = min(k, self.num_tracks)
        if width == 0 or len(vectors) == 0:
            return padded(np.empty((len(vectors), 0), np.int32), np.empty((len(vectors), 0), np.float32), k)
        wanted = {"final_num_neighbors": width}
        if self.leaves:
            reordered = min(math.ceil(self.reordering * width), self.num_tracks)
            wanted |= {"leaves_to_search": self.leaves, "pre_reorder_num_neighbors": reordered}
        parallel = len(vectors) >= PARALLEL_QUERIES and may_spread()
        ask = self.searcher.search_batched_parallel if parallel else self.searcher.search_batched
        rows, products = ask(np.ascontiguousarray(vectors, np.float32), **wanted)
        found = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
        _read(rows, products, *found)
        return found

    def save(self, directory: Path) -> None:
        """Write ScaNN's own files, with relative paths, and `index.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        self.searcher.serialize(str(directory), relative_path=True)
        about = {
            "backend": "scann",
            "num_tracks": self.num_tracks,
            "leaves": self.leaves,
            "reordering_exact": self.reordering,
            "reordering": math.ceil(self.reordering),  # what releases read that know whole numbers only
            "recall": self.recall_,
        }
        (directory / "index.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path, about: dict[str, Any]) -> "ScannIndex":
        """Read what `save` wrote; `about` is the parsed `index.json`."""
        searcher = _scann().load_searcher(str(directory), assets_backcompat_shim=False)
        learnt = {name: about[name] for name in ("num_tracks", "leaves", "recall")}
        return cls(searcher, reordering=about.get("reordering_exact", about["reordering"]), **learnt)


@numba.njit(cache=True, nogil=True)
def _read(rows, products, found_rows, found_products):  # type: ignore[no-untyped-def]
    """Fill found rows and products [n, k] with ScaNN's [n, m], which it pads with row 0 and NaN."""
    for query in range(found_rows.shape[0]):
        for place in range(found_rows.shape[1]):
            is_there = place < rows.shape[1] and products[query, place] > -np.inf  # NaN is not
            found_rows[query, place] = rows[query, place] if is_there else NO_ROW
            found_products[query, place] = products[query, place] if is_there else -np.inf


def recall_against(truth: Rows, found: Rows) -> float:
    """Return the mean share of the exact answers [n, k] that stand anywhere among the found [n, k]."""
    hits = _hits(truth, found)
    return float(hits.mean()) if hits.size else 1.0


def _sure_recall(truth: Rows, found: Rows) -> float:
    """Return the recall that other queries of the kind reach, too: the mean less three standard errors of it."""
    shares = _hits(truth, found).mean(axis=1)
    return float(shares.mean() - SURE_ERRORS * shares.std() / math.sqrt(len(shares)))


def _hits(truth: Rows, found: Rows) -> npt.NDArray[np.bool_]:
    """Tell which of the exact answers [n, k] stand anywhere among the found [n, k] of their query."""
    offsets = np.arange(len(truth))[:, None] * (int(truth.max(initial=0)) + 2)
    return np.isin(truth + offsets, np.where(found >= 0, found + offsets, -1))


def has_scann() -> bool:
    """Return whether the package is installed."""
    return find_spec("scann") is not None


@cache
def has_avx2() -> bool:
    """Return whether this CPU runs ScaNN's kernels; other processors than x86 need no AVX2."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return True
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and " avx2 " in flags.read_text("utf-8").replace("\n", " ")


def _searcher(vectors: TrackVectors, depth: int, num_leaves: int, stored_as: str) -> Any:
    builder = _scann().builder(np.ascontiguousarray(vectors, np.float32), depth, "dot_product")
    if num_leaves == 0:
        return builder.score_brute_force().build()
    sample = min(len(vectors), TRAINING_SAMPLE)
    leaf_share, reordering = SEARCHES[0]
    kinds = import_module("scann.scann_ops.py.scann_builder").ReorderType
    return (
        builder.tree(num_leaves, math.ceil(num_leaves * leaf_share), training_sample_size=sample)
        .score_ah(NUMBERS_A_CODE, anisotropic_quantization_threshold=ANISOTROPY)
        .reorder(math.ceil(reordering * depth), quantize=kinds[stored_as.upper()])
        .build()
    )


@cache
def _scann() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_tensorflow():
        return import_module("scann.scann_ops.py.scann_ops_pybind")


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Hide TensorFlow from ScaNN's import, which loads it where it can: 5 s that serving need not pay."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["tensorflow"]
