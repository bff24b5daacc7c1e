"""NDCG on 20,000 simulated listeners: the two-tower alone against tuned ALS, and listeners of three listens.

A figure is a function of the world (`world.py`) in a module of its own; it stands in `FIGURES` to be measured.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness import Options, Result
from benchmarks.twin_quality.first_listens import first_listens_over_popular
from benchmarks.twin_quality.two_tower import two_tower_over_als
from benchmarks.twin_quality.world import make_world
from crossfade.schema.settings import load_settings

FIGURES: Final = (two_tower_over_als, first_listens_over_popular)
QUICK: Final = ("two_tower.epochs=2", "ranking.num_trees=100")


def run(options: Options) -> Result:
    """Simulate listeners, train once on all but some of them, and measure every figure.

    Raises:
        MissingExtraError: `implicit` is not installed.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    with TemporaryDirectory() as folder:
        world = make_world(Path(folder), settings, quick=options.quick)
        found = [figure(world) for figure in FIGURES]
    return Result(
        {
            "quick": options.quick,
            "users": len(world.everybody.users),
            **{k: v for each in found for k, v in each.figures.items()},
        },
        {name: bar for each in found for name, bar in each.bars.items()},
        [line for each in found for line in (*each.notes, "")],
    )
