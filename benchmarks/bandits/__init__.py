"""Bandits that choose a kind of playlist for each listener and learn late what came of it; and each kind alone, for everybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from benchmarks.bandits.shelves import SHELVES
from benchmarks.bandits.weeks import Way, fixed, learning, lived, random
from benchmarks.harness import Bar, Options, Result
from crossfade.experiments.bandits import Bandit, LinUcb, Thompson

BANDITS: Final[dict[str, Bandit]] = {
    "thompson": Thompson(width=0.4),
    "linucb": LinUcb(alpha=0.5, explore=0.05),
}
MOST_REGRET: Final = 0.1
LEAST_OF_RANDOM: Final = 0.2


@dataclass(frozen=True)
class Size:
    """How much is simulated: listeners, tracks, weeks with playlists, and towns."""

    users: int
    tracks: int
    weeks: int
    towns: int


FULL: Final = Size(200, 700, 30, 1)
QUICK: Final = Size(150, 600, 8, 1)


def run(options: Options) -> Result:
    """Live 30 weeks in a town (`--quick`: 8 in a smaller one) under each bandit, each kind of playlist alone, and by chance.

    What a playlist earned is known when the next but one is made, and counts half after eight weeks. A regret is the share that
    was missed of what the best kind alone earns: over all weeks, those of learning included, and over the later half.
    """
    return result(QUICK if options.quick else FULL, quick=options.quick)


def result(size: Size, *, quick: bool) -> Result:
    """Return figures and bars of a size."""
    ways: dict[str, Callable[[], Way]] = {name: partial(learning, bandit) for name, bandit in BANDITS.items()}
    ways |= {name: partial(fixed, place) for place, name in enumerate(SHELVES)}
    ways["random"] = random
    towns = range(1, size.towns + 1)
    earned = {
        name: np.mean(
            [lived(way(), size.users, size.tracks, size.weeks, seed=seed) for seed in towns], axis=0
        )
        for name, way in ways.items()
    }
    best = max(SHELVES, key=lambda name: float(earned[name][0]))
    figures: dict[str, float | int | str | bool] = {"quick": quick, "best_fixed": best}
    for name, (whole, later) in earned.items():
        figures |= {f"{name}, reward": float(whole), f"{name}, later reward": float(later)}
    for name in (*BANDITS, "random"):
        whole, later = 1 - earned[name] / earned[best]
        figures |= {f"{name}, regret": float(whole), f"{name}, later regret": float(later)}
    return Result(figures, bars(figures))


def bars(figures: Mapping[str, float | int | str | bool]) -> dict[str, Bar]:
    """Return what must hold: next to no regret of bandits once they have learnt, and much of who never does."""
    later = {name: float(figures[f"{name}, later regret"]) for name in (*BANDITS, "random")}
    found = {f"{name}, later regret": Bar(later[name], at_most=MOST_REGRET) for name in BANDITS}
    return found | {"random, later regret": Bar(later["random"], at_least=LEAST_OF_RANDOM)}
