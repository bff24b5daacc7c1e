"""Weekly playlists a second and core at 100,000 and a million tracks, stage by stage, and killed at random moments."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.neighbours import watching
from benchmarks.weekly.kills import kills
from benchmarks.weekly.tries import Try, calmest, tries_of
from benchmarks.weekly.world import World, settings_of, world_of
from crossfade.ranking.contract import read_about
from crossfade.recommender.bundle import RANKER
from crossfade.schema.memory import with_huge_pages

# The one whose scoring the figures of this benchmark are of; docs/decisions/0020 weighs it against the default.
MODEL: Final = "catboost"
GIB: Final = 1024**3
ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LEAST_OF_STAGES: Final = 0.6
LEAST_OF_TWO_CORES: Final = 1.8
LEAST_OVER_IMPLICIT: Final = 1.0
MOST_PEAK_GIB: Final = 4.0
KILLS: Final = 50
ROUNDS: Final = 3  # of one core, of two and of implicit, in turn, since the machine changes
BLOCK: Final = 512  # listeners whose stages are timed
OF_IMPLICIT: Final = 2_048  # listeners a try

Round = dict[str, list[list[Try]]]  # tries of each worker, by what they did


@dataclass(frozen=True)
class Size:
    """One world.

    Args:
        name: In figures.
        num_tracks: In the catalogue.
        num_users: Listeners with histories.
        num_timed: Listeners whose playlists are timed, on each core.
        least_per_second: Playlists a second and core; 0 asks for nothing.
    """

    name: str
    num_tracks: int
    num_users: int
    num_timed: int
    least_per_second: float


QUICK: Final = Size("10k", 10_000, 2_000, 800, 0)
SIZES: Final = (
    Size("100k", 100_000, 20_000, 8_000, 1_500),
    Size("1m", 1_000_000, 60_000, 8_000, 1_200),
)


def run(options: Options) -> Result:
    """Make each world, and measure it by processes that keep to one core each."""
    figures: dict[str, float | int | str | bool] = {"quick": options.quick, "ranker": MODEL}
    bars: dict[str, Bar] = {}
    notes = [
        "Planted worlds with the product's own sources and ranker, but planted vectors. Stages alone: CPU microseconds",
        "a listener, the median of five runs over one block. implicit: ALS recommend and filter for the same listeners.",
        "One core, two and implicit are asked in turn, three times: medians of rates, and of the ratios of each round, each of",
        "the one of four tries with the least beside its core.",
        "",
    ]
    for size in (QUICK,) if options.quick else SIZES:
        with TemporaryDirectory() as folder:
            world = world_of(Path(folder), size.num_tracks, size.num_users, settings_of(MODEL))
            measured, held, lines = measure(size, world)
            figures |= measured
            bars |= held
            notes += lines
            if not options.quick and size is SIZES[0]:
                figures |= kills(world, Path(folder), KILLS)
    if "kills_equal" in figures:
        bars["kills_equal"] = Bar(float(figures["kills_equal"]), at_least=1.0)
    return Result(figures, bars, notes)


def measure(size: Size, world: World) -> tuple[dict[str, Any], dict[str, Bar], list[str]]:
    """Return figures, bars and a table of stages of one world."""
    timed, others = range(size.num_timed), range(size.num_timed, 2 * size.num_timed)
    of_implicit = range(min(OF_IMPLICIT, size.num_users))
    ((_, stages),) = workers("stages", world, [range(BLOCK)])
    asked = {"one": [timed], "two": [timed, others], "implicit": [of_implicit]}
    rounds: list[Round] = []
    peak = 0
    with watching() as neighbours:
        for _ in range(ROUNDS):
            rounds.append({})
            for what, users in asked.items():
                found = workers("implicit" if what == "implicit" else "playlists", world, users)
                rounds[-1][what] = [tries_of(printed, core, neighbours) for core, printed in found]
                peak = max(peak, *(printed.get("peak_bytes", 0) for _, printed in found))
    return described(size, world, stages, rounds, peak)


def described(
    size: Size, world: World, stages: dict[str, float], rounds: Sequence[Round], peak: int
) -> tuple[dict[str, Any], dict[str, Bar], list[str]]:
    """Put what workers printed into figures, bars and notes; arguments as `measure` made them, the peak in bytes."""
    counted = [{what: calmest(found) for what, found in asked.items()} for asked in rounds]
    rates = [{what: sum(each.rate for each in found) for what, found in asked.items()} for asked in counted]
    alone, name, one = sum(stages.values()), size.name, median(each["one"] for each in rates)
    every = [each.rate for asked in rounds for each in asked["one"][0]]
    cpu = median(asked["one"][0].cpu_seconds / asked["one"][0].users for asked in counted)
    figures = {
        f"{name}_playlists_per_second_per_core": round(one, 1),
        f"{name}_shared": round(max(asked["one"][0].shared for asked in counted), 3),
        f"{name}_every_try_per_second_per_core": round(median(every), 1),
        f"{name}_least_playlists_per_second_per_core": round(min(every), 1),
        f"{name}_microseconds": round(1e6 / one, 1),
        f"{name}_cpu_microseconds": round(1e6 * cpu, 1),
        f"{name}_stages_microseconds": round(alone, 1),
        f"{name}_of_stages": round(one * alone / 1e6, 3),
        f"{name}_two_cores_over_one": round(median(each["two"] / each["one"] for each in rates), 3),
        f"{name}_two_cores_shared": round(max(each.shared for asked in counted for each in asked["two"]), 3),
        f"{name}_implicit_per_second": round(median(each["implicit"] for each in rates), 1),
        f"{name}_over_implicit": round(median(each["one"] / each["implicit"] for each in rates), 2),
        f"{name}_peak_gib": round(peak / GIB, 2),
        f"{name}_bundle_gib": round(_bytes(world.bundle) / GIB, 2),
        f"{name}_trees": read_about(world.bundle / RANKER)["best_iteration"],
    }
    figures |= {f"{name}_{stage}_microseconds": round(taken, 1) for stage, taken in stages.items()}
    least = {
        "playlists_per_second_per_core": size.least_per_second,
        "of_stages": LEAST_OF_STAGES,
        "two_cores_over_one": LEAST_OF_TWO_CORES,
        "over_implicit": LEAST_OVER_IMPLICIT,
    }
    bars = {f"{name}_{what}": Bar(figures[f"{name}_{what}"], at_least=least[what]) for what in least}
    bars[f"{name}_peak_gib"] = Bar(figures[f"{name}_peak_gib"], at_most=MOST_PEAK_GIB)
    lines = [f"{name:<6}{stage:<24}{taken:9.1f} µs  {taken / alone:6.1%}" for stage, taken in stages.items()]
    return figures, bars, [*lines, ""]


def workers(task: str, world: World, users: Sequence[range]) -> list[tuple[int, dict[str, Any]]]:
    """Run a worker for each range of listeners, each on a core of its own and all at once; returns cores and what they print."""
    cores = sorted(os.sched_getaffinity(0))
    chosen = [cores[place % len(cores)] for place in range(len(users))]
    started = [_started(core, task, world, each) for core, each in zip(chosen, users, strict=True)]
    return [(core, _printed(process)) for core, process in zip(chosen, started, strict=True)]


def _started(core: int, task: str, world: World, users: range) -> "subprocess.Popen[str]":
    module = [sys.executable, "-m", "benchmarks.weekly.worker", str(core), task]
    about = [str(world.dataset), str(world.bundle), str(users.start), str(users.stop)]
    environment = with_huge_pages({**os.environ, **ONE_THREAD})  # as steps of a run have it
    return subprocess.Popen([*module, *about], stdout=subprocess.PIPE, text=True, env=environment)


def _printed(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output = process.communicate()[0]
    assert process.returncode == 0, output
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
