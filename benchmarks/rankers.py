"""NDCG@30 and, for the radio, MRR@20 against microseconds a candidate of every ranker, on a period before the test period.

All rankers learn from the same candidates of the same sources, and judge the same listeners: the validation period stands in
for the test period, and the one before it, of the same length, for the validation period. So a default may be chosen by it.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.harness import Options, Result, in_turn, median_and_spread
from benchmarks.quality.data import load_trial
from crossfade.evaluation.evaluate import evaluate
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, Resampling, paired
from crossfade.evaluation.next_track import OverSessions, reciprocal_ranks
from crossfade.evaluation.popularity import Doubles
from crossfade.evaluation.stages import before_policy
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.next_tracks import NextTracks
from crossfade.features.translation import Translation
from crossfade.ranking.contract import RANKERS
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema.settings import Settings, load_settings
from crossfade.schema.tables import Surface

QUICK: Final = ("two_tower.epochs=1", "ranking.num_trees=60", "deepfm.epochs=2")
REPEATS: Final = 5
BATCH_USERS: Final = 64  # whose candidates are scored at once: a batch of the weekly run is several of these
EXPLAINED_ROWS: Final = 3000  # contributions are asked of slates, not of all candidates
FIRST: Final = next(iter(RANKERS))
READS: Final = ("num_seeds",)
NEXT_TRACKS_AT: Final = 20
SESSIONS: Final = 2000
QUICK_SESSIONS: Final = 500
MOMENTS_A_SESSION: Final = 10


def run(options: Options) -> Result:
    """Fit the sources once, every ranker on what they return, judge the rankings, and time the rankers in turn.

    Raises:
        InputError: Files cannot be read, or the directory holds no lake.
        TrainingError: There is not enough to split.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    dataset = before_test(load_trial(options, settings).judged)
    truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, settings)
    moments = None
    if dataset.split.has_time:  # without times there are no sessions, and no radio of its own
        moments = next_tracks(dataset, QUICK_SESSIONS if options.quick else SESSIONS, settings)
    runs, ranks = [], []
    for seed in range(settings.seed, settings.seed + options.num_seeds):
        with TemporaryDirectory() as folder:
            recommenders, seconds = trained(dataset, Path(folder), settings.model_copy(update={"seed": seed}))
        runs.append(
            {
                name: evaluate(name, before_policy(each, Translation(dataset, each.dataset)), truth, settings)
                for name, each in recommenders.items()
            }
        )
        if moments is not None:
            ranks.append(radio_ranks(recommenders, moments))
    figures: dict[str, Any] = {
        "quick": options.quick,
        "seeds": options.num_seeds,
        "judged_users": len(truth),
    }
    figures |= quality(over_seeds(runs)) | cost(recommenders, truth) | seconds
    if moments is not None:
        figures |= radio_quality(ranks, moments, settings)
    notes = [
        f"NDCG@30 of the rankings before the policy, with 95 % intervals of the difference to {FIRST} over the same users.",
        f"MRR@{NEXT_TRACKS_AT} of the radio's rankings before its policy, nothing masked, with intervals over sessions.",
        "Both are of each user's and each moment's means over the seeds of training; what follows is of the last seed.",
        "Seconds of training are of both rankers, the radio's too, and of making their candidates, which all share.",
        "Microseconds of one core a candidate, rankers in turn; explain: contributions of slates' tracks.",
    ]
    return Result(figures, {}, notes)


def before_test(dataset: Dataset) -> Dataset:
    """Return what happened before the test period, with the validation period as the period to judge on."""
    split = dataset.split
    earlier = 2 * split.validation_start - split.test_start
    return replace(
        dataset.until(split.test_start),
        split=replace(
            split, validation_start=earlier, test_start=split.validation_start, end=split.test_start
        ),
    )


def trained(
    dataset: Dataset, directory: Path, settings: Settings, rankers: Iterable[str] = RANKERS
) -> tuple[dict[str, Recommender], dict[str, float]]:
    """Return a loaded recommender for each ranker, by its name, and what training each took; all have the same sources."""
    data, early, late = (directory / name for name in ("dataset", "until_validation", "until_test"))
    dataset.save(data)
    fit_sources(data, early, until="validation", settings=settings, warm_start=None)
    fit_sources(data, late, until="test", settings=settings, warm_start=early)
    found, seconds = {}, {}
    for name in rankers:
        chosen = settings.model_copy(
            update={"ranking": settings.ranking.model_copy(update={"model": name, "radio_model": name})}
        )
        ranker = directory / name
        start = time.perf_counter()
        fit_ranker(data, early, ranker, chosen)
        seconds[f"{name}_fit_seconds"] = round(time.perf_counter() - start, 1)
        bundle = build_bundle(
            data, late, ranker, directory / "bundles", until="test", settings=chosen, lineage={}
        )
        found[name] = Recommender.load(bundle)
    return found, seconds


def over_seeds(runs: Sequence[Mapping[str, Evaluation]]) -> dict[str, Evaluation]:
    """Return each ranker's evaluations with several seeds as one, of each user's mean NDCG."""
    return {
        name: replace(first, metrics={"ndcg": np.mean([run[name].metrics["ndcg"] for run in runs], axis=0)})
        for name, first in runs[0].items()
    }


def quality(judged: dict[str, Evaluation]) -> dict[str, float]:
    """Return each ranking's NDCG@30, and the interval of its difference to the first one's."""
    figures = {}
    for name, evaluation in judged.items():
        figures[f"{name}_ndcg"] = round(float(evaluation.metrics["ndcg"].mean()), 5)
        if name != FIRST:
            difference = paired(evaluation, judged[FIRST])[EVERYONE]["ndcg"]
            for edge in ("mean", "low", "high"):
                figures[f"{name}_minus_{FIRST}_ndcg_{edge}"] = round(getattr(difference, edge), 5)
    return figures


def next_tracks(dataset: Dataset, most: int, settings: Settings) -> NextTracks:
    """Return the moments of up to so many sessions of the period that is judged."""
    split = dataset.split
    return NextTracks.of(
        dataset,
        split.test_start,
        split.end,
        most_sessions=most,
        most_moments=MOMENTS_A_SESSION,
        seed=settings.seed,
    )


def radio_ranks(recommenders: Mapping[str, Recommender], moments: NextTracks) -> dict[str, Doubles]:
    """Return the reciprocal rank of each moment's next track, [m] by ranker."""
    return {
        name: reciprocal_ranks(
            before_policy(each, Translation(moments.dataset, each.dataset), Surface.RADIO),
            moments,
            NEXT_TRACKS_AT,
        )
        for name, each in recommenders.items()
    }


def radio_quality(
    runs: Sequence[Mapping[str, Doubles]], moments: NextTracks, settings: Settings
) -> dict[str, float]:
    """Return the MRR@20 of each radio's ranking, and the interval over sessions of its difference to the first one's."""
    chosen = settings.evaluation
    over = OverSessions(
        moments.sessions, Resampling(chosen.bootstrap_samples, chosen.confidence, settings.seed)
    )
    figures: dict[str, float] = {
        "radio_sessions": int(moments.sessions[-1]) + 1,
        "radio_moments": len(moments),
    }
    ranks = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
    for name, found in ranks.items():
        figures[f"{name}_radio_mrr"] = round(float(found.mean()), 5)
        if name != FIRST:
            for edge, value in zip(("mean", "low", "high"), over.mean(found - ranks[FIRST]), strict=True):
                figures[f"{name}_minus_{FIRST}_radio_mrr_{edge}"] = round(value, 5)
    return figures


def cost(recommenders: dict[str, Recommender], truth: Truth) -> dict[str, float]:
    """Return the microseconds that each ranker takes to score a candidate, and to say what moved a score."""
    first = recommenders[FIRST]
    queries = truth.queries.slice(0, min(BATCH_USERS, len(truth)))
    requests = Requests.of(queries, Surface.DISCOVER_WEEKLY, 30)
    ranked = first.rank(requests, first.exclusions(requests))
    rows = ranked.features[ranked.candidates.rows >= 0]
    explained = rows[:EXPLAINED_ROWS]
    scoring = in_turn(
        {name: partial(each.ranker.predict, rows) for name, each in recommenders.items()}, REPEATS
    )
    telling = in_turn(
        {name: partial(each.ranker.contributions, explained) for name, each in recommenders.items()}, REPEATS
    )
    figures: dict[str, float] = {"scored_candidates": len(rows)}
    for name in recommenders:
        for what, seconds, count in (("", scoring, len(rows)), ("explain_", telling, len(explained))):
            median, spread = median_and_spread(seconds[name])
            figures[f"{name}_{what}microseconds"] = round(median / count * 1e6, 3)
            figures[f"{name}_{what}microseconds_spread"] = round(spread / count * 1e6, 3)
    return figures
