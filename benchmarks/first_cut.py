"""What a first cut of candidates costs in quality, and saves in time: NDCG@30 by how many go into ranking.

Chosen on the validation period, as `rankers` does: sources and rankers have not seen it, and nothing of the test period is read.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.harness import Options, Result, in_turn, median_and_spread
from benchmarks.quality.data import load_trial
from benchmarks.rankers import before_test, trained
from crossfade.evaluation.evaluate import evaluate
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.stages import before_policy, whole
from crossfade.evaluation.truth import Truth
from crossfade.features.translation import Translation
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema.cores import one_core
from crossfade.schema.settings import load_settings
from crossfade.schema.tables import Surface

QUICK: Final = ("two_tower.epochs=1", "ranking.num_trees=60")
RANKERS: Final = ("gbdt", "catboost")
CUTS: Final = (400, 300, 250, 200, 150, 100)
BLOCK: Final = 128
REPEATS: Final = 5


def run(options: Options) -> Result:
    """Judge both kinds of trees with all candidates and with cuts of them.

    Raises:
        InputError: Files cannot be read, or the directory holds no lake.
        TrainingError: There is not enough to split.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    figures: dict[str, Any] = {"quick": options.quick}
    with TemporaryDirectory() as folder:
        dataset = before_test(load_trial(options, settings).judged)
        recommenders, _ = trained(dataset, Path(folder), settings, RANKERS)
        truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, settings)
        figures["judged_users"] = len(truth)
        for name, recommender in recommenders.items():
            translation = Translation(dataset, recommender.dataset)
            everything = settings.sources.candidates
            sides = {cut: with_cut(recommender, cut) for cut in (everything, *CUTS)}
            for what, system in (("ranking", before_policy), ("slates", whole)):
                judged = {
                    cut: evaluate(what, system(each, translation), truth, settings)
                    for cut, each in sides.items()
                }
                figures |= differences(f"{name}_{what}", judged, everything)
            figures |= cost(name, sides, truth)
    notes = [
        "NDCG@30 with all candidates, and 95 % intervals of the difference of a cut to it over the same users."
    ]
    return Result(figures, {}, notes)


def with_cut(recommender: Recommender, ranked: int) -> Recommender:
    """Return the same recommender with so many candidates ranked, exploring nowhere: draws would hide the difference."""
    settings = recommender.settings
    sources = settings.sources.model_copy(update={"ranked": ranked})
    changed = replace(recommender, settings=settings.model_copy(update={"sources": sources}))
    return changed.without_exploration()


def differences(name: str, judged: dict[int, Evaluation], everything: int) -> dict[str, float]:
    """Return NDCG with all candidates, and the interval of what each cut adds to it."""
    figures = {f"{name}_ndcg": round(float(judged[everything].metrics["ndcg"].mean()), 5)}
    for cut in CUTS:
        difference = paired(judged[cut], judged[everything])[EVERYONE]["ndcg"]
        for edge in ("mean", "low", "high"):
            figures[f"{name}_{cut}_minus_all_{edge}"] = round(getattr(difference, edge), 5)
    return figures


def cost(name: str, sides: dict[int, Recommender], truth: Truth) -> dict[str, float]:
    """Return the microseconds of a listener's slate with each cut, on one core, in turn."""
    queries = truth.queries.slice(0, min(BLOCK, len(truth)))
    requests = Requests.of(queries, Surface.DISCOVER_WEEKLY, 30)
    with one_core():
        seconds = in_turn(
            {str(cut): partial(each.recommend, requests) for cut, each in sides.items()}, REPEATS
        )
    return {
        f"{name}_{cut}_microseconds": round(1e6 * median_and_spread(taken)[0] / len(queries), 1)
        for cut, taken in seconds.items()
    }
