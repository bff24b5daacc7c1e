"""What the champion itself sees and says: listeners' vectors, ranking features, scores, and NDCG on what listeners found.

A champion knows its training window, so that its figures there are too good to compare with. The bundle that was
judged before it, its
parent, knows nothing of the test period: vectors, features and scores are the parent's, in the test period and since; NDCG is the
parent's in the test period and the champion's since. Where the parent is gone, or the test period is random, there
are none of these.

Days without drift are resampled: each draws a day of the test period, and its listeners with replacement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.evaluation.evaluate import slates_of
from crossfade.evaluation.metrics import user_metrics
from crossfade.evaluation.stages import before_policy
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset, Split
from crossfade.features.make_dataset import make_dataset
from crossfade.features.translation import Translation
from crossfade.lake.lake import Lake
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import TrainingError
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface
from monitoring.drift.distances import Doubles
from monitoring.drift.measures import EVERYBODY, NDCG, SCORE_EDGES, SPREAD, VECTORS, Kind, Measure
from monitoring.drift.series import Series

NUM_FEATURES: Final = 64  # random ones, of vectors
SURFACE: Final = Surface.DISCOVER_WEEKLY
SCORES: Final = "scores"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What bundles saw and said for n listeners of one day.

    Args:
        vectors: [n, dim] float32.
        numbers: Name -> [n, c] float32 of each candidate: ranking features and scores; NaN where missing.
        ndcg: [n] float64.
    """

    vectors: Floats
    numbers: Mapping[str, Floats]
    ndcg: Doubles


OfListeners = Callable[[Seen], Doubles]  # [n, b] of the listeners of a day


def champion_series(
    lake: Lake, workspace: Workspace, days: Sequence[date], num_reference: int, settings: Settings
) -> list[Series]:
    """Compute the champion's own series.

    Args:
        lake: Refreshed.
        workspace: Has champion and parent.
        days: Days since the reference, without a gap.
        num_reference: Days of the reference, so many are resampled.
        settings: `drift.users`, `evaluation.k` and `seed` are read.

    Returns:
        Series over the resampled days and then the given ones; none where there is nothing to compare with.
    """
    champion_dir = workspace.champion()
    manifest = read_manifest(champion_dir)
    parent_dir = next(filter(Path.is_dir, (workspace.bundles / name for name in manifest["parents"])), None)
    split = Split(**manifest["window"]["split"])
    if parent_dir is None or not split.has_time or not days:
        return []
    champion, parent = Recommender.load(champion_dir), Recommender.load(parent_dir)
    dataset = make_dataset(lake, parent.settings, split=split)
    before = [seen(parent, parent, dataset, day, settings) for day in _test_days(split)]
    known = [each for each in before if each is not None]
    if not known:
        return []
    since = [seen(parent, champion, dataset, day, settings) for day in days]
    return _series(known, since, num_reference, settings.seed)


def _test_days(split: Split) -> list[date]:
    first, stop = (datetime.fromtimestamp(moment, UTC) for moment in (split.test_start, split.end))
    number = max(1, (stop - first).days)
    return [(first + timedelta(days=place)).date() for place in range(number)]


def seen(
    viewer: Recommender, judged: Recommender, dataset: Dataset, day: date, settings: Settings
) -> Seen | None:
    """Return what bundles see and say for listeners who found something new to like on a day; None if nobody did.

    Args:
        viewer: Whose vectors, features and scores.
        judged: Whose NDCG.
        dataset: Histories and what was found.
        day: UTC.
        settings: `drift.users`, `evaluation.k` and `seed` are read.
    """
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    chosen = settings.evaluation.model_copy(update={"max_users": settings.drift.users})
    asked = settings.model_copy(update={"evaluation": chosen, "seed": settings.seed + day.toordinal()})
    try:
        truth = Truth.of(dataset, start, start + 86_400, asked)
    except TrainingError:
        return None
    requests = Requests.of(Translation(dataset, viewer.dataset).into_bundle(truth.queries), SURFACE, chosen.k)
    ranked = viewer.rank(requests, viewer.exclusions(requests))
    slates = slates_of(before_policy(judged, Translation(dataset, judged.dataset)), truth.queries, chosen.k)
    names = viewer.ranker_of(SURFACE).task.features
    numbers = {name: ranked.features[..., place] for place, name in enumerate(names)}
    scores = np.where(ranked.candidates.rows >= 0, ranked.scores, np.nan).astype(np.float32)
    vectors = viewer.sources.two_tower.user_vectors(requests.taste)
    return Seen(vectors, {SCORES: scores, **numbers}, user_metrics(slates, truth)["ndcg"])


def _series(before: list[Seen], since: list[Seen | None], num_reference: int, seed: int) -> list[Series]:
    random = np.random.default_rng(seed)
    draws = [_draw(before, random) for _ in range(num_reference)]
    measures: dict[Measure, OfListeners] = {
        VECTORS: _features_of(np.concatenate([each.vectors for each in before]), random),
        NDCG: lambda day: np.column_stack([np.ones(len(day.ndcg)), day.ndcg]),
        SPREAD: lambda day: _spread(day.numbers[SCORES]),
    }
    for name in before[0].numbers:
        edges = _edges(np.concatenate([each.numbers[name].ravel() for each in before]))
        if edges:
            measure = Measure(name, Kind.NUMBER, "of the champion's candidates", edges)
            measures[measure] = partial(_histograms_of, name=name, edges=edges)
    found = []
    for measure, of_listeners in measures.items():
        of_day = [of_listeners(each) for each in before]
        resampled = [of_day[place][listeners].sum(axis=0) for place, listeners in draws]
        width = of_day[0].shape[1]
        later = [np.zeros(width) if each is None else of_listeners(each).sum(axis=0) for each in since]
        bins = tuple(map(str, range(width)))
        found.append(Series(measure, EVERYBODY, bins, np.stack([*resampled, *later]), is_resampled=True))
    return found


def _histograms_of(day: Seen, name: str, edges: tuple[float, ...]) -> Doubles:
    return _histograms(day.numbers[name], edges)


def _draw(before: list[Seen], random: np.random.Generator) -> tuple[int, npt.NDArray[np.int64]]:
    """Draw a day, and its listeners with replacement."""
    place = int(random.integers(len(before)))
    number = len(before[place].ndcg)
    return place, random.integers(number, size=number)


def _features_of(vectors: Floats, random: np.random.Generator) -> OfListeners:
    """Return random Fourier features (Rahimi and Recht 2007) of a Gaussian kernel as wide as vectors usually lie apart.

    They make [n, 1 + f] of [n, dim] vectors: a one, and the features.
    """
    pairs = random.integers(len(vectors), size=(2, 1000))
    width = float(np.median(np.linalg.norm(vectors[pairs[0]] - vectors[pairs[1]], axis=1))) or 1.0
    directions = random.standard_normal((vectors.shape[1], NUM_FEATURES)) / width
    phases = random.uniform(0, 2 * np.pi, NUM_FEATURES)

    def features(day: Seen) -> Doubles:
        waves = np.cos(day.vectors @ directions + phases)
        return np.column_stack([np.ones(len(waves)), np.sqrt(2 / NUM_FEATURES) * waves])

    return features


def _spread(scores: Floats) -> Doubles:
    """Return [n, 2]: a one, and the standard deviation of each listener's scores."""
    known = ~np.isnan(scores)
    number = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, scores, 0.0).astype(np.float64)
    mean = filled.sum(axis=1) / number
    variance = np.where(known, (filled - mean[:, None]) ** 2, 0.0).sum(axis=1) / number
    return np.column_stack([np.ones(len(scores)), np.sqrt(variance)])


def _edges(values: Floats) -> tuple[float, ...]:
    """Return quantiles as edges, after the least value, so that what is missing has the first bin; none where all is missing."""
    known = values[~np.isnan(values)]
    if not len(known):
        return ()
    edges = np.unique([known.min(), *np.quantile(known, SCORE_EDGES)])
    return tuple(edges.astype(float).tolist())


def _histograms(values: Floats, edges: tuple[float, ...]) -> Doubles:
    """Return [n, len(edges) + 1] counts of each listener's candidates; missing ones come first."""
    places = np.searchsorted(np.array(edges), np.nan_to_num(values, nan=-np.inf), side="right")
    width = len(edges) + 1
    flat = places + width * np.arange(len(values))[:, None]
    return np.bincount(flat.ravel(), minlength=width * len(values)).reshape(len(values), width).astype(float)
