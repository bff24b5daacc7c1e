"""Run one system over the test users and judge its slates; all systems are asked and measured alike."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from crossfade.evaluation.evaluation import Evaluation, Resampling
from crossfade.evaluation.exposure import catalogue_metrics
from crossfade.evaluation.membership import mask_heard, num_heard
from crossfade.evaluation.metrics import user_metrics
from crossfade.evaluation.truth import Truth
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings

Recommend = Callable[[Queries, int], Ranking]

BATCH_USERS: Final = 512  # users asked together; bounds memory


def unheard(recommend: Recommend, num_tracks: int) -> Recommend:
    """Wrap a system that does not filter: fetch k more than the longest history, then mask what was heard.

    Args:
        recommend: (queries, k) -> rows [n, k] best first and scores [n, k].
        num_tracks: Tracks of the catalogue; never more are asked for.
    """

    def fetch_more(queries: Queries, k: int) -> Ranking:
        rows, scores = recommend(queries, min(k + num_heard(queries), num_tracks))
        return mask_heard(rows, scores, queries, k)

    return fetch_more


def evaluate(
    system: str,
    recommend: Recommend,
    truth: Truth,
    settings: Settings,
    *,
    bundle: str = "",
    model: str = "",
) -> Evaluation:
    """Judge one system.

    Heard tracks are masked for every system, also for one that promises to filter them itself.

    Args:
        system: Name for tables and files.
        recommend: (queries, k) -> rows [n, k] int32 best first, padded with -1, and scores [n, k]; it may
            rank any track of the truth's catalogue and sees only the histories in the queries.
        truth: Test users and what they went on to like.
        settings: `evaluation.k`, bootstrap and seed.
        bundle: Digest of the bundle that answers, empty for a system without one.
        model: Digest of its model alone.
    """
    chosen = settings.evaluation
    rows = slates_of(recommend, truth.queries, chosen.k)
    resampling = Resampling(chosen.bootstrap_samples, chosen.confidence, settings.seed)
    return Evaluation(
        system,
        bundle,
        chosen.k,
        truth.digest,
        truth.queries.user_rows,
        user_metrics(rows, truth),
        truth.cohorts,
        catalogue_metrics(rows, len(truth.catalogue), **vars(resampling)),
        truth.popularity.shares_by_listeners(rows).tolist(),
        resampling,
        model,
    )


def slates_of(recommend: Recommend, queries: Queries, k: int) -> Rows:
    """Ask for all users in batches; return [n, k] int32 unheard tracks, padded with -1."""
    edges = [*range(0, len(queries), BATCH_USERS), len(queries)]
    slates = [np.zeros((0, k), np.int32)]
    for start, stop in pairwise(edges):
        batch = queries.slice(start, stop)
        slates.append(mask_heard(*recommend(batch, k), batch, k)[0])
    return np.concatenate(slates)
