"""What the policy does to slates: caps that hold for everybody, less popular tracks, and what both cost."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Bar, Options, Result
from benchmarks.worlds import QUICK_TRAINING, trained_recommender, twin_world
from crossfade.evaluation.caps import meets_caps
from crossfade.evaluation.evaluate import Recommend, evaluate, slates_of
from crossfade.evaluation.stages import before_policy, whole
from crossfade.evaluation.suite import RANKING, RECOMMENDER, UNEXPLORED
from crossfade.evaluation.truth import Truth
from crossfade.features.interactions import Queries
from crossfade.features.translation import Translation
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema.ids import Rows
from crossfade.schema.settings import load_settings
from crossfade.schema.tables import Surface

DISCOVERY: Final = Surface.DISCOVER_WEEKLY
# A policy that sets every cap and share, tight enough to bind.
STRICT: Final = {
    "max_per_artist": 2,
    "max_per_album": 1,
    "new_artists": (0.3, 0.8),
    "small_artists": (0.2, 0.7),
    "explore_places": (10, 20, 30),
}
MOST_POPULARITY: Final = 0.85  # of a discovery slate against the user's own listening
LEAST_QUALITY: Final = 0.95  # of NDCG as served against the ranker's own order
BATCH_USERS: Final = 512


def run(options: Options) -> Result:
    """Judge slates as served, without exploration, and before the policy, on one test period of the twin.

    Raises:
        NotFoundError: The directory holds no lake, no truth, or no bundle to judge.
    """
    settings = load_settings(assignments=QUICK_TRAINING if options.quick else [])
    with TemporaryDirectory() as folder:
        dataset = twin_world(options, Path(folder), settings).dataset
        recommender = trained_recommender(options, dataset, Path(folder), settings)
        truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, settings)
        translation = Translation(dataset, recommender.dataset)
        systems: dict[str, Recommend] = {
            RANKING: before_policy(recommender, translation),
            UNEXPLORED: whole(recommender.without_exploration(), translation),
            RECOMMENDER: whole(recommender, translation),
        }
        figures: dict[str, Any] = {"quick": options.quick, "test_users": len(truth)}
        for name, system in systems.items():
            ndcg = evaluate(name, system, truth, settings).metrics["ndcg"].mean()
            popularity = relative_popularity(slates_of(system, truth.queries, settings.evaluation.k), truth)
            figures |= {f"{name}_ndcg": round(float(ndcg), 5), f"{name}_popularity": round(popularity, 4)}
        queries = translation.into_bundle(truth.queries)
        figures |= {f"caps_met_{name}": share for name, share in caps_met(recommender, queries).items()}
    return _result(figures)


def relative_popularity(rows: Rows, truth: Truth) -> float:
    """Return how many listeners the tracks of slates [n, k] have, against those that their users played.

    Each user's mean over the slate stands against the mean over the user's positive plays; the result is the ratio
    of the two means over users who have both.
    """
    listeners, liked = truth.popularity.listeners.astype(np.float64), truth.queries.positives
    shown, plays = rows >= 0, np.diff(liked.offsets)
    own = np.bincount(liked.owners, listeners[liked.track_rows], len(rows)) / np.maximum(plays, 1)
    of_slates = np.where(shown, listeners[rows], 0).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
    both = shown.any(axis=1) & (plays > 0)
    return float(of_slates[both].mean() / own[both].mean())


def caps_met(recommender: Recommender, queries: Queries) -> Mapping[str, float]:
    """Return the share of users whose slate meets every cap, by surface and for a strict policy."""
    strict = recommender.policies[DISCOVERY].model_copy(update=STRICT)
    sides = {str(surface): (recommender, surface) for surface in Surface}
    sides["strict"] = (replace(recommender, policies={**recommender.policies, DISCOVERY: strict}), DISCOVERY)
    return {name: float(_met(*side, queries).mean()) for name, side in sides.items()}


def _met(recommender: Recommender, surface: Surface, queries: Queries) -> npt.NDArray[np.bool_]:
    policy, found = recommender.policies[surface], [np.zeros(0, np.bool_)]
    for start in range(0, len(queries), BATCH_USERS):
        asked = queries.slice(start, min(start + BATCH_USERS, len(queries)))
        requests = Requests.of(asked, surface, policy.k)
        rows = recommender.choose(requests, recommender.exclusions(requests)).rows
        catalogue, is_small = recommender.catalogue, recommender.is_small
        found.append(meets_caps(rows, asked, policy, catalogue=catalogue, is_small=is_small))
    return np.concatenate(found)


def _result(figures: dict[str, Any]) -> Result:
    for name, against in (("policy_quality", RANKING), ("exploration_quality", UNEXPLORED)):
        figures[name] = round(figures[f"{RECOMMENDER}_ndcg"] / figures[f"{against}_ndcg"], 4)
    caps = {name: value for name, value in figures.items() if name.startswith("caps_met_")}
    bars = {name: Bar(value, at_least=1.0) for name, value in caps.items()}
    bars["recommender_popularity"] = Bar(figures["recommender_popularity"], at_most=MOST_POPULARITY)
    bars["policy_quality"] = Bar(figures["policy_quality"], at_least=LEAST_QUALITY)
    notes = [
        "Popularity: mean listeners of a discovery slate's tracks over those of the user's own positive plays. Quality: "
        "NDCG@30 as served over the ranker's own order, and over the same policy without exploration.",
        f"Caps: the share of users whose slate meets every cap of its surface's policy; strict is {STRICT}.",
    ]
    return Result(figures, bars, notes)
