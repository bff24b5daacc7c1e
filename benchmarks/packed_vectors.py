"""What track vectors in float16 and int8 cost in quality and save in memory: slates against those of float32.

Judged as `rankers` does, on a period before the test period. Sources are fitted once a seed; their vectors are packed as a fit
with `index.vectors_as` packs them, and the ranker learns from what they then are. The index is exact and reads them, too.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, get_args

import numpy as np

from benchmarks.harness import KIB, Options, Progress, Result
from benchmarks.hashed_ids import WORLD
from benchmarks.quality.data import QUICK as SMALL
from benchmarks.quality.data import simulated
from benchmarks.rankers import before_test
from crossfade.evaluation.evaluate import evaluate, slates_of
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.stages import whole
from crossfade.evaluation.truth import Truth
from crossfade.features.affinities import products
from crossfade.features.dataset import Dataset
from crossfade.features.translation import Translation
from crossfade.features.vectors import VectorsAs, as_stored, opened, packed
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.recommend import Recommender
from crossfade.retrieval.user_tower import unit
from crossfade.schema.cores import one_core
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings, load_settings

READS: Final = ("num_seeds",)
KINDS: Final[tuple[VectorsAs, ...]] = get_args(VectorsAs)
PLAIN: Final = "float32"
EXACT: Final = "index.backend=exact"
QUICK: Final = ("two_tower.epochs=1", "ranking.num_trees=60")
METRICS: Final = ("recall", "ndcg")
VECTORS: Final = "track_vectors.npy"
TRACKS: Final = 1_000_000
QUICK_TRACKS: Final = 100_000
DIM: Final = 64
LISTENERS, CANDIDATES = 256, 500
REPEATS: Final = 5
MICROSECONDS: Final = 1e6


def run(options: Options) -> Result:
    """Judge the slates of each kind of vectors, then measure what reading them costs.

    Raises:
        TrainingError: There is not enough to split.
    """
    progress, lines = Progress(), []
    progress.add({"quick": options.quick})
    settings = load_settings(assignments=[EXACT, *(QUICK if options.quick else ())])
    with TemporaryDirectory() as folder:
        dataset = before_test(simulated(SMALL if options.quick else WORLD, Path(folder), settings))
    for seed in range(settings.seed, settings.seed + options.num_seeds):
        with TemporaryDirectory() as folder:
            found = judged(dataset, Path(folder), settings.model_copy(update={"seed": seed}))
        progress.add({f"seed_{seed}_{name}": value for name, value in figures_of(found).items()})
        lines += [f"seed {seed}", *table(found)]
    with TemporaryDirectory() as folder:
        progress.measure(
            "reading vectors", lambda: cost(Path(folder), QUICK_TRACKS if options.quick else TRACKS)
        )
    return Result(progress.figures, notes=["Differences to float32 over the same listeners.", *lines])


@dataclass(frozen=True)
class Judged:
    """What was found of one kind of vectors.

    Args:
        evaluation: With a ranker that has learnt from these vectors.
        slates: [n, k] of that ranker.
        same_ranker: [n, k] slates of the ranker that has learnt from float32: what rounding alone moves.
    """

    evaluation: Evaluation
    slates: Rows
    same_ranker: Rows


def judged(dataset: Dataset, directory: Path, settings: Settings) -> dict[VectorsAs, Judged]:
    """Fit the sources, and for each kind a ranker; judge its slates."""
    data, early, late = (directory / name for name in ("dataset", "until_validation", "until_test"))
    dataset.save(data)
    fit_sources(data, early, until="validation", settings=settings, warm_start=None)
    fit_sources(data, late, until="test", settings=settings, warm_start=early)
    plain = {path: np.load(path) for home in (early, late) for path in home.rglob(VECTORS)}
    truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, settings)
    found = {}
    for kind in KINDS:
        for path, vectors in plain.items():
            np.save(path, as_stored(packed(vectors, kind)))
        chosen = settings.model_copy(update={"index": settings.index.model_copy(update={"vectors_as": kind})})
        fit_ranker(data, early, directory / kind, chosen)
        systems = []
        for ranker in (kind, PLAIN):
            bundles, home = directory / "bundles", directory / ranker
            bundle = build_bundle(data, late, home, bundles, until="test", settings=chosen, lineage={})
            recommender = Recommender.load(bundle)
            systems.append(whole(recommender, Translation(dataset, recommender.dataset)))
        slates = [slates_of(system, truth.queries, settings.evaluation.k) for system in systems]
        found[kind] = Judged(evaluate(kind, systems[0], truth, settings), *slates)
    return found


def figures_of(found: Mapping[VectorsAs, Judged]) -> dict[str, float]:
    """Return means, differences to float32, and how alike slates are."""
    plain = found[PLAIN]
    figures: dict[str, float] = {"judged_users": len(plain.evaluation)}
    for kind, each in found.items():
        means = each.evaluation.summary[EVERYONE]
        gaps = paired(each.evaluation, plain.evaluation)[EVERYONE]
        for metric in METRICS:
            figures[f"{kind}_{metric}"] = means[metric].mean
            figures[f"{kind}_minus_float32_{metric}"] = gaps[metric].mean
        for name, slates in (("", each.slates), ("same_ranker_", each.same_ranker)):
            equal = (slates == plain.slates).all(axis=1).mean()
            figures[f"{kind}_{name}equal_slates_share"] = float(equal)
            figures[f"{kind}_{name}shared_tracks_share"] = shared(slates, plain.slates)
    return figures


def shared(slates: Rows, others: Rows) -> float:
    """Return the share of the tracks of slates [n, k], padded with -1, that stand anywhere in the other slates."""
    same = (slates[:, :, None] == others[:, None, :]).any(axis=2) & (slates >= 0)
    return float(same.sum() / max((slates >= 0).sum(), 1))


def table(found: Mapping[VectorsAs, Judged]) -> list[str]:
    """Return a line for each kind, with 95 % intervals of the differences."""
    lines = []
    for kind, each in found.items():
        gaps = paired(each.evaluation, found[PLAIN].evaluation)[EVERYONE]
        cells = [f"{m} {gaps[m].mean:+.5f} [{gaps[m].low:+.5f}, {gaps[m].high:+.5f}]" for m in METRICS]
        lines.append(f"{kind:<10}{'   '.join(cells)}")
    return lines


def cost(folder: Path, num_tracks: int) -> dict[str, float]:
    """Return what it costs to read a listener's 500 candidates among so many tracks, of each kind in turn.

    Returns:
        Microseconds of one core for their inner products with the listener, bytes of a track, and how much of the file was in
        memory afterwards.
    """
    random = np.random.default_rng(num_tracks)
    vectors = unit(random.standard_normal((num_tracks, DIM), np.float32))
    rows = random.integers(0, num_tracks, (LISTENERS, CANDIDATES)).astype(np.int32)
    wanted, files = vectors[:LISTENERS], {kind: folder / f"{kind}.npy" for kind in KINDS}
    for kind, path in files.items():
        np.save(path, as_stored(packed(vectors, kind)))
    mapped = {kind: opened(np.load(path, mmap_mode="r"), path) for kind, path in files.items()}
    taken: dict[VectorsAs, list[float]] = {kind: [] for kind in KINDS}
    with one_core():
        for _ in range(1 + REPEATS):
            for kind, each in mapped.items():
                started = time.process_time()
                products(each, rows, wanted)
                taken[kind].append((time.process_time() - started) / LISTENERS * MICROSECONDS)
    figures: dict[str, float] = {"cost_tracks": num_tracks}
    for kind, path in files.items():
        figures[f"{kind}_microseconds_a_listener"] = float(np.median(taken[kind][1:]))
        figures[f"{kind}_bytes_a_track"] = path.stat().st_size / num_tracks
        figures[f"{kind}_resident_mib"] = resident_bytes(path) / KIB**2
    return figures


def resident_bytes(path: Path) -> int:
    """Return how much of a mapped file this process has in memory (Linux)."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
        if line.endswith("kB") and inside and line.startswith("Rss:"):
            total += int(line.split()[1]) * KIB
        elif not line.endswith("kB") and "-" in line.split()[0]:
            inside = line.endswith(str(path))
    return total
