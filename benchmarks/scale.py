"""The vector index at 200,000 to ten million tracks, in parts, too: time, memory, recall, and the model that scales them."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.harness import KIB, Bar, Options, Result, median_and_spread
from benchmarks.weekly.world import NUM_GENRES, TRACKS_PER_ARTIST, Artists, vectors_of
from crossfade.features.interactions import Floats
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.retrieval.index_scann import ScannIndex
from crossfade.retrieval.index_sharded import ShardedIndex
from crossfade.retrieval.user_tower import unit
from crossfade.schema.cores import one_core
from crossfade.schema.settings import default_settings

MILLION: Final = 1_000_000
PARTS: Final = 4  # that the index is built in where the model is fitted: at the largest size the whole does not fit in 9 GiB
# What trees store, and the number of parts, by size.
SIZES: Final = {
    MILLION // 5: (("float32", 1), ("bfloat16", 1), ("int8", 1)),
    MILLION // 2: (("int8", PARTS),),
    MILLION: (("float32", 1), ("int8", 1), ("int8", PARTS)),
    3 * MILLION: (("int8", PARTS),),
    10 * MILLION: (("int8", PARTS),),
}
QUICK_SIZES: Final = {
    280_000: (("int8", PARTS),),
    320_000: (("float32", 1), ("int8", 1), ("int8", PARTS)),
    360_000: (("int8", PARTS),),
}
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
        peak_gib: Most memory that the process has had so far, the vectors themselves (256 bytes a track) and all.
    """

    num_tracks: int
    microseconds: float
    bytes_per_track: float
    recall: float
    leaves_share: float
    build_seconds: float
    peak_gib: float


def run(options: Options) -> Result:
    """Build and ask an index of each size, fit the model to all sizes but the largest, and hold it against that one."""
    found: dict[str, list[Measured]] = {}
    for num_tracks, kinds in (QUICK_SIZES if options.quick else SIZES).items():
        random = np.random.default_rng(num_tracks)
        vectors = vectors_of(Artists(num_tracks // TRACKS_PER_ARTIST), random)
        listeners = listeners_of(vectors, random)
        truth, _ = ExactIndex(vectors).search(listeners, DEPTH)
        for kind, parts in kinds:
            name = kind if parts == 1 else f"{kind}_in_{parts}"
            found.setdefault(name, []).append(measured(vectors, listeners, truth, (kind, parts)))
    return described(found, quick=options.quick)


def listeners_of(vectors: Floats, random: np.random.Generator) -> Floats:
    """Return [QUERIES, dim] unit vectors of listeners who hear a few tracks of one genre each."""
    per_genre = len(vectors) // NUM_GENRES
    starts = random.integers(0, NUM_GENRES, (QUERIES, 1)) * per_genre
    heard = starts + (random.random((QUERIES, TRACKS_OF_A_LISTENER)) ** 2 * per_genre).astype(np.int64)
    return unit(vectors[heard].mean(axis=1))


def measured(
    vectors: Floats, listeners: Floats, truth: npt.NDArray[np.int32], way: tuple[str, int]
) -> Measured:
    """Build an index that stores vectors in a way, in so many parts, and ask it for each listener's best by one core."""
    kind, num_parts = way
    settings = default_settings().index.model_copy(update={"stored_as": kind, "shards": num_parts})
    started = time.perf_counter()
    built = (ScannIndex if num_parts == 1 else ShardedIndex).build(vectors, settings, listeners, truth)
    index: ScannIndex | ShardedIndex = built
    build_seconds = time.perf_counter() - started
    taken = []
    with one_core():
        for _ in range(REPEATS):
            started = time.process_time()
            index.search(listeners, DEPTH)
            taken.append(time.process_time() - started)
    with TemporaryDirectory() as folder:
        index.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    parts = index.parts if isinstance(index, ShardedIndex) else [index]
    shares = [part.leaves / max(round(2 * part.num_tracks**0.5), 1) for part in parts]
    return Measured(
        len(vectors),
        1e6 * median_and_spread(taken)[0] / len(listeners),
        size / len(vectors),
        index.recall_,
        float(np.mean(shares)),
        build_seconds,
        peak_gib(),
    )


def peak_gib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / 2**30


def model(scanned: npt.NDArray[np.float64], microseconds: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Fit microseconds = constant + slope * tracks of the searched leaves; the constant is what ordering the answers costs."""
    slope, constant = np.polyfit(scanned, microseconds, 1)
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
        figures[f"{name}_peak_gib"] = round(each.peak_gib, 2)
    row = found[f"int8_in_{PARTS}"]
    scanned = np.array([each.num_tracks * each.leaves_share for each in row], np.float64)
    taken = np.array([each.microseconds for each in row])
    constant, slope = model(scanned[:-1], taken[:-1])
    figures["model_at_largest_microseconds"] = round(constant + slope * scanned[-1], 1)
    off = float(figures["model_at_largest_microseconds"]) / taken[-1]
    figures["model_over_measured"] = round(off, 3)
    constant, slope = model(scanned, taken)
    figures["model_constant_microseconds"], figures["model_slope"] = round(constant, 2), round(slope, 6)
    planned = PLANNED * row[-1].leaves_share
    figures["model_at_100_million_microseconds"] = round(constant + slope * planned, 1)
    bars = {"model_times_off": Bar(float(max(off, 1 / off)), at_most=MOST_OFF)}
    notes = [
        "The model is fitted to all sizes but the largest, and held against it; then to all, for 100 million tracks of whose "
        "leaves the same share is searched as at the largest size. Memory is the peak so far, sizes in ascending order."
    ]
    return Result(figures, bars, notes)
