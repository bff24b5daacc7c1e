"""What bundles see and say for some listeners of a day: vectors, ranking features, scores, and what was found of NDCG."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.evaluation.evaluate import slates_of
from crossfade.evaluation.metrics import user_metrics
from crossfade.evaluation.stages import before_policy
from crossfade.evaluation.truth import Truth
from crossfade.features.interactions import Queries
from crossfade.features.next_tracks import NextTracks
from crossfade.features.translation import Translation
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.retrieval.user_tower import unit
from crossfade.schema.errors import TrainingError
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface
from monitoring.drift.clock import Listening
from monitoring.drift.distances import Doubles
from monitoring.drift.measures import NORMS, SCORES

DAY_SECONDS: Final = 86_400
SURFACE: Final = Surface.DISCOVER_WEEKLY

Floats = npt.NDArray[np.float32]
Numbers = Mapping[str, Floats]  # name -> [n, c] of each listener's candidates; NaN where missing


@dataclass(frozen=True)
class Seen:
    """What bundles saw and said for n listeners of one day, and at m moments of sessions.

    Args:
        vectors: [n, dim] float32 of length 1.
        numbers: Of each listener: lengths of vectors before they were scaled, scores and ranking features of candidates.
        ndcg: [n] float64.
        radio: Scores and features of the radio's candidates [m, c]; empty without sessions or a ranker of its own.
    """

    vectors: Floats
    numbers: Numbers
    ndcg: Doubles
    radio: Numbers = field(default_factory=dict)


def seen(
    viewer: Recommender,
    judged: Recommender,
    listening: Listening,
    day: date,
    settings: Settings,
    *,
    learnt_until: int,
) -> Seen | None:
    """Return what bundles see and say for listeners who found something new to like on a day; None if nobody did.

    Args:
        viewer: Whose vectors, features and scores, of the day as it would be in the week after it learnt.
        judged: Whose NDCG, of the day as it is.
        listening: Histories and what was found.
        day: UTC.
        settings: `drift.users`, `evaluation.k` and `seed` are read.
        learnt_until: UTC seconds until which the viewer knows.
    """
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    chosen = settings.evaluation.model_copy(update={"max_users": settings.drift.users})
    asked = settings.model_copy(update={"evaluation": chosen, "seed": settings.seed + day.toordinal()})
    moved, then = listening.as_after(learnt_until, start)
    try:
        truth = Truth.of(listening.dataset, start, start + DAY_SECONDS, asked)
        earlier = truth if then == start else Truth.of(moved, then, then + DAY_SECONDS, asked)
    except TrainingError:
        return None
    translation = Translation(moved, viewer.dataset)
    queries = translation.into_bundle(earlier.queries)
    raw = viewer.sources.two_tower.unscaled_user_vectors(Requests.of(queries, SURFACE, chosen.k).taste)
    numbers = {
        NORMS: np.linalg.norm(raw, axis=1, keepdims=True),
        **_ranked(viewer, queries, SURFACE, chosen.k),
    }
    own = Translation(listening.dataset, judged.dataset)
    slates = slates_of(before_policy(judged, own), truth.queries, chosen.k)
    radio = _of_radio(viewer, translation, then, asked)
    return Seen(unit(raw), numbers, user_metrics(slates, truth)["ndcg"], radio)


def _of_radio(viewer: Recommender, translation: Translation, start: int, settings: Settings) -> Numbers:
    """Return what the radio's ranker sees and says where a next track was wanted, one moment of each session."""
    if viewer.radio_ranker is None:
        return {}
    most, seed = settings.drift.users, settings.seed
    try:
        moments = NextTracks.of(
            translation.dataset, start, start + DAY_SECONDS, most_sessions=most, most_moments=1, seed=seed
        )
    except TrainingError:
        return {}
    queries = translation.into_bundle(moments.queries(0, len(moments)))
    return _ranked(viewer, queries, Surface.RADIO, settings.evaluation.k)


def _ranked(viewer: Recommender, queries: Queries, surface: Surface, k: int) -> Numbers:
    requests = Requests.of(queries, surface, k)
    ranked = viewer.rank(requests, viewer.exclusions(requests))
    names = viewer.ranker_of(surface).task.features
    scores = np.where(ranked.candidates.rows >= 0, ranked.scores, np.nan).astype(np.float32)
    return {SCORES: scores, **{name: ranked.features[..., place] for place, name in enumerate(names)}}
