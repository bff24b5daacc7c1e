"""The vector index at 200,000 to ten million tracks: time, memory and recall, and the model that scales them."""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Bar, Options, Result, median_and_spread
from benchmarks.weekly.world import NUM_GENRES, TRACKS_PER_ARTIST, Artists, vectors_of
from crossfade.features.interactions import Floats
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.retrieval.index_scann import ScannIndex
from crossfade.retrieval.user_tower import unit
from crossfade.schema.cores import one_core
from crossfade.schema.settings import default_settings

MILLION: Final = 1_000_000
# Stored as, by size: at the largest only the smallest fits beside everything else.
SIZES: Final = {
    MILLION // 5: ("float32", "bfloat16", "int8"),
    MILLION: ("float32", "bfloat16", "int8"),
    3 * MILLION: ("int8",),
    10 * MILLION: ("int8",),
}
QUICK_SIZES: Final = {120_000: ("int8",), 160_000: ("int8",), 240_000: ("float32", "int8")}
QUERIES: Final = 400  # half of them choose the width of the search, half judge it
TRACKS_OF_A_LISTENER: Final = 12
DEPTH: Final = 500
REPEATS: Final = 5
MOST_OFF: Final = 1.5  # times that the model may be off at the largest size, which it was not fitted to
PLANNED: Final = 100 * MILLION


@dataclass(frozen=True)
class Measured:
    """One index.

    Args:
        num_tracks: Vectors in it.
        microseconds: CPU time of one core for a listener's best 500.
        bytes_per_track: Of its files, all of which are read into memory.
        recall: Against exact, of listeners who had no say in how widely it searches.
        leaves_share: Share of its leaves that are searched.
        build_seconds: Wall time.
    """

    num_tracks: int
    microseconds: float
    bytes_per_track: float
    recall: float
    leaves_share: float
    build_seconds: float


def run(options: Options) -> Result:
    """Build and ask an index of each size, fit the model to all sizes but the largest, and hold it against that one."""
    found: dict[str, list[Measured]] = {}
    for num_tracks, kinds in (QUICK_SIZES if options.quick else SIZES).items():
        random = np.random.default_rng(num_tracks)
        vectors = vectors_of(Artists(num_tracks // TRACKS_PER_ARTIST), random)
        listeners = listeners_of(vectors, random)
        truth, _ = ExactIndex(vectors).search(listeners, DEPTH)
        for kind in kinds:
            found.setdefault(kind, []).append(measured(vectors, listeners, truth, kind))
    return described(found, quick=options.quick)


def listeners_of(vectors: Floats, random: np.random.Generator) -> Floats:
    """Return [QUERIES, dim] unit vectors of listeners who hear a few tracks of one genre each."""
    per_genre = len(vectors) // NUM_GENRES
    starts = random.integers(0, NUM_GENRES, (QUERIES, 1)) * per_genre
    heard = starts + (random.random((QUERIES, TRACKS_OF_A_LISTENER)) ** 2 * per_genre).astype(np.int64)
    return unit(vectors[heard].mean(axis=1))


def measured(vectors: Floats, listeners: Floats, truth: npt.NDArray[np.int32], kind: str) -> Measured:
    """Build an index that stores vectors in a way, and ask it for each listener's best by one core."""
    settings = default_settings().index.model_copy(update={"stored_as": kind})
    started = time.perf_counter()
    index = ScannIndex.build(vectors, settings, listeners, truth)
    build_seconds = time.perf_counter() - started
    taken = []
    with one_core():
        for _ in range(REPEATS):
            started = time.process_time()
            index.search(listeners, DEPTH)
            taken.append(time.process_time() - started)
    with TemporaryDirectory() as folder:
        index.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Measured(
        len(vectors),
        1e6 * median_and_spread(taken)[0] / len(listeners),
        size / len(vectors),
        index.recall_,
        index.leaves / max(round(2 * len(vectors) ** 0.5), 1),
        build_seconds,
    )


def model(sizes: npt.NDArray[np.float64], microseconds: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Fit microseconds = constant + slope * sqrt(tracks): leaves, and tracks in a leaf, grow with the root."""
    slope, constant = np.polyfit(np.sqrt(sizes), microseconds, 1)
    return float(constant), float(slope)


def described(found: dict[str, list[Measured]], *, quick: bool) -> Result:
    """Put what was measured into figures, the model's bar and notes."""
    figures: dict[str, Any] = {"quick": quick}
    for kind, each in ((kind, each) for kind, row in found.items() for each in row):
        name = f"{each.num_tracks}_{kind}"
        figures[f"{name}_microseconds"] = round(each.microseconds, 1)
        figures[f"{name}_bytes_per_track"] = round(each.bytes_per_track, 1)
        figures[f"{name}_recall"] = round(each.recall, 4)
        figures[f"{name}_leaves_share"] = round(each.leaves_share, 3)
        figures[f"{name}_build_seconds"] = round(each.build_seconds, 1)
    row = found["int8"]
    sizes = np.array([each.num_tracks for each in row], np.float64)
    taken = np.array([each.microseconds for each in row])
    constant, slope = model(sizes[:-1], taken[:-1])
    figures["model_at_largest_microseconds"] = round(constant + slope * sizes[-1] ** 0.5, 1)
    off = float(figures["model_at_largest_microseconds"]) / taken[-1]
    figures["model_over_measured"] = round(off, 3)
    constant, slope = model(sizes, taken)
    figures["model_constant_microseconds"], figures["model_slope"] = round(constant, 2), round(slope, 6)
    figures["model_at_100_million_microseconds"] = round(constant + slope * PLANNED**0.5, 1)
    bars = {"model_times_off": Bar(float(max(off, 1 / off)), at_most=MOST_OFF)}
    notes = [
        "The model is fitted to all sizes but the largest, and held against it; then to all, for 100 million."
    ]
    return Result(figures, bars, notes)
