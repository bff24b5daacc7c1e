"""NDCG@30 of the two-tower alone over that of ALS of `implicit`, tuned as every peer is."""

from typing import Final

from benchmarks.harness import Bar, Result
from benchmarks.quality.factor_peers import ALS
from benchmarks.quality.tuning import QUICK_TRIALS, TRIALS, by_time, fitted, search_space, tuned
from benchmarks.twin_quality.world import World
from crossfade.evaluation.stages import source_alone
from crossfade.evaluation.table import table
from crossfade.evaluation.yardstick import Yardstick, measure
from crossfade.features.translation import Translation
from crossfade.schema.columns import TWO_TOWER

AT_LEAST: Final = 1.00


def two_tower_over_als(world: World) -> Result:
    """Measure both on the same test users, all tracks ranked, known ones masked."""
    trial, seed = world.trial, world.settings.seed
    protocol = by_time(trial.tuning, world.settings)
    trials = QUICK_TRIALS if world.quick else TRIALS
    chosen = tuned(ALS, trial.tuning, protocol, trials=trials, seed=seed)
    translation = Translation(trial.judged, world.recommender.dataset)
    systems = {
        ALS.name: fitted(ALS, chosen.parameters, world.known, protocol, seed),
        TWO_TOWER: source_alone(
            world.recommender.sources.retrievers[TWO_TOWER], translation, len(trial.judged.catalogue)
        ),
    }
    runs = {name: [measure(system, world.truth, (world.k,))] for name, system in systems.items()}
    measured = Yardstick(runs, (world.k,), (ALS.name,), world.resampling)
    ratio = measured.against(TWO_TOWER, ALS.name)[measured.headline].ratio
    name = "two_tower_ndcg_over_als"
    return Result(
        {
            "test_users": len(world.truth),
            name: ratio.mean,
            f"{name}_low": ratio.low,
            f"{name}_high": ratio.high,
            "als_parameters": str(chosen),
            "als_search_space": search_space(ALS),
            "als_trials": chosen.num_trials,
        },
        {name: Bar(ratio.mean, at_least=AT_LEAST)},
        [*table(measured, TWO_TOWER), f"{ALS.name}: {chosen}, best of {chosen.num_trials} trials"],
    )
