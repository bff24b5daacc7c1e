"""NDCG@30 of the whole recommender for listeners of three listens over what is popular in their country and genres."""

from typing import Final

from benchmarks.harness import Bar, Result
from benchmarks.twin_quality.world import World
from crossfade.evaluation.baselines import COUNTRY_AND_GENRE, popular_in_country_and_genre
from crossfade.evaluation.first_listens import FIRST_LISTENS, first_listens_truth
from crossfade.evaluation.stages import before_policy, whole
from crossfade.evaluation.suite import RANKING, RECOMMENDER
from crossfade.evaluation.table import table
from crossfade.evaluation.yardstick import Yardstick, measure
from crossfade.features.translation import Translation

AT_LEAST: Final = 1.5


def first_listens_over_popular(world: World) -> Result:
    """Ask for the held-out listeners just after their third listen of the test period."""
    truth = first_listens_truth(world.everybody, world.known, world.held_out)
    translation = Translation(world.everybody, world.recommender.dataset)
    systems = {
        COUNTRY_AND_GENRE: popular_in_country_and_genre(world.known, world.everybody.split.test_start),
        RANKING: before_policy(world.recommender, translation),
        RECOMMENDER: whole(world.recommender, translation),
    }
    runs = {name: [measure(system, truth, (world.k,))] for name, system in systems.items()}
    measured = Yardstick(runs, (world.k,), (COUNTRY_AND_GENRE,), world.resampling)
    ratio, ranked = (
        measured.against(system, COUNTRY_AND_GENRE)[measured.headline].ratio
        for system in (RECOMMENDER, RANKING)
    )
    name = "first_listens_ndcg_over_popular"
    return Result(
        {
            "first_listens": FIRST_LISTENS,
            "first_listens_users": len(truth),
            name: ratio.mean,
            f"{name}_low": ratio.low,
            f"{name}_high": ratio.high,
            f"{name}_before_policy": ranked.mean,
        },
        {name: Bar(ratio.mean, at_least=AT_LEAST)},
        [
            f"Listeners that no model knows, after {FIRST_LISTENS} listens:",
            "",
            *table(measured, RECOMMENDER),
        ],
    )
