"""What a weekly playlist costs by the size of the catalogue, stage by stage, and the model that scales it."""

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.harness import Bar, Options, Result
from benchmarks.scale import peak_gib
from benchmarks.weekly import MODEL
from benchmarks.weekly.stages import SURFACE, Block, stage_microseconds
from benchmarks.weekly.world import settings_of, world_of
from crossfade.features.dataset import Dataset
from crossfade.recommender.recommend import Recommender
from crossfade.schema import columns as c
from crossfade.schema.cores import one_core

MILLION: Final = 1_000_000
SIZES: Final = (80_000, 160_000, 320_000, 640_000)  # of the catalogue; the last judges the model
QUICK_SIZES: Final = (5_000, 10_000, 20_000, 40_000)
NUM_USERS: Final = 6_000
QUICK_USERS: Final = 600
BLOCK: Final = 256  # listeners at a time, as in the product
REPEATS: Final = 3
MOST_OFF: Final = 1.25  # times that the model may be off at the largest size
PLANNED: Final = (MILLION, 10 * MILLION, 100 * MILLION)
LISTENERS: Final = 500 * MILLION
HOURS: Final = 24
SECONDS_PER_HOUR: Final = 3600
# Its cost is that of the index, which `bench scale` has a model of.
INDEX: Final = f"retrieve_{c.TWO_TOWER}"


def run(options: Options) -> Result:
    """Make a world of each size, time the stages of one block, fit the model to all sizes but the largest and judge it there.

    Args:
        options: `quick` takes smaller worlds.
    """
    sizes, num_users = (QUICK_SIZES, QUICK_USERS) if options.quick else (SIZES, NUM_USERS)
    found: dict[int, Mapping[str, float]] = {}
    for num_tracks in sizes:
        with TemporaryDirectory() as folder:
            found[num_tracks] = stages_of(Path(folder), num_tracks, num_users)
    return described(found, quick=options.quick)


def stages_of(folder: Path, num_tracks: int, num_users: int) -> dict[str, float]:
    """Return the microseconds of one core that each stage takes for a listener, in a world of so many tracks."""
    world = world_of(folder, num_tracks, num_users, settings_of(MODEL))
    dataset, recommender = Dataset.load(world.dataset), Recommender.load(world.bundle)
    with one_core():
        length = recommender.policies[SURFACE].k
        return stage_microseconds(Block(dataset, recommender, min(BLOCK, num_users), length), REPEATS)


def model(sizes: list[int], microseconds: list[float]) -> tuple[float, float]:
    """Fit microseconds = constant + slope * log2(tracks).

    A listener has as many candidates in any catalogue; what grows is how far apart in memory they stand.
    """
    slope, constant = np.polyfit(np.log2(sizes), microseconds, 1)
    if slope < 0:  # larger catalogues are not cheaper, so what falls is noise
        return float(np.mean(microseconds)), 0.0
    return float(constant), float(slope)


def cores(microseconds: float) -> float:
    """Return the cores that make everybody's playlists within a day."""
    return LISTENERS * microseconds / 1e6 / (HOURS * SECONDS_PER_HOUR)


def described(found: Mapping[int, Mapping[str, float]], *, quick: bool) -> Result:
    """Put stages by size into figures, the model's bar and notes."""
    figures: dict[str, Any] = {"quick": quick, "peak_gib": round(peak_gib(), 2)}
    for num_tracks, stages in found.items():
        figures[f"{num_tracks}_microseconds"] = round(sum(stages.values()), 1)
        figures[f"{num_tracks}_index_microseconds"] = round(stages[INDEX], 1)
    sizes = list(found)
    rest = [sum(stages.values()) - stages[INDEX] for stages in found.values()]
    constant, slope = model(sizes[:-1], rest[:-1])
    expected = constant + slope * math.log2(sizes[-1])
    figures["model_at_largest_microseconds"] = round(expected, 1)
    off = max(expected / rest[-1], rest[-1] / expected)
    constant, slope = model(sizes, rest)
    figures["model_constant_microseconds"], figures["model_slope"] = round(constant, 1), round(slope, 2)
    for planned in PLANNED:
        taken = constant + slope * math.log2(planned)
        figures[f"model_at_{planned}_microseconds"] = round(taken, 1)
        figures[f"model_at_{planned}_cores"] = round(cores(taken), 2)
    lines = [
        f"{num_tracks:>9,} {name:<24} {taken:8.1f} µs"
        for num_tracks, stages in found.items()
        for name, taken in stages.items()
    ]
    notes = [
        "The model is of all stages but the index, fitted to all sizes but the largest and held against it; then to all.",
        f"Cores: for {LISTENERS:,} listeners in {HOURS} hours, without the index.",
        *lines,
    ]
    return Result(figures, {"model_times_off": Bar(float(off), at_most=MOST_OFF)}, notes)
