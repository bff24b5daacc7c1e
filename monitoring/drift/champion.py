"""The champion's own series: what it sees and says of the days since, held against the test period before it.

A champion knows its training window, so that its figures there are too good to compare with. The bundle that was
judged before it knows nothing of the test period: vectors, features and scores are its, in the test period and since; NDCG is
its in the test period and the champion's since. It is asked as in the week after it learnt (`clock.py`), or the clock alone
would be a drift. Where it is gone, or the test period is random or empty, there are none of these.

Days without drift are resampled: each draws a day of the test period, and its listeners with replacement.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.evaluation.lineage import comparable_bundle
from crossfade.features.dataset import Split
from crossfade.lake.lake import Lake
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface
from monitoring.drift.clock import Listening
from monitoring.drift.distances import Doubles
from monitoring.drift.measures import (
    EVERYBODY,
    LEVEL,
    NDCG,
    SCORE_EDGES,
    SCORES,
    SPREAD,
    VECTORS,
    Kind,
    Measure,
)
from monitoring.drift.seen import Floats, Numbers, Seen, seen
from monitoring.drift.series import Series

NUM_FEATURES: Final = 64  # random ones, of vectors
OF_RADIO: Final = f"surface {Surface.RADIO}"

T = TypeVar("T")
Counting = Mapping[Measure, Callable[[T], Doubles]]  # [n, b] of the listeners of a day


def champion_series(
    lake: Lake,
    workspace: Workspace,
    days: Sequence[date],
    num_reference: int,
    settings: Settings,
    *,
    listeners: pa.Array | None = None,
) -> list[Series]:
    """Compute the champion's own series.

    Args:
        lake: Refreshed.
        workspace: Has champion and parent.
        days: Days since the reference, without a gap.
        num_reference: Days of the reference, so many are resampled.
        settings: `drift.users`, `evaluation.k` and `seed` are read.
        listeners: User ids of a sample, whose rows alone are read; None reads everybody's.

    Returns:
        Series over the resampled days and then the given ones; none where there is nothing to compare with.
    """
    champion_dir = workspace.champion()
    manifest = read_manifest(champion_dir)
    split = Split(**manifest["window"]["split"])
    parent_dir = comparable_bundle(workspace.bundles, champion_dir.name, split.test_start)
    if parent_dir is None or not split.has_time or split.end <= split.test_start or not days:
        return []
    champion, parent = Recommender.load(champion_dir), Recommender.load(parent_dir)
    listening = Listening.read(lake, parent.settings, split, listeners)
    look = partial(seen, parent, listening=listening, settings=settings, learnt_until=split.test_start)
    before = [look(parent, day=day) for day in days_of_test(split)]
    known = [each for each in before if each is not None]
    if not known:
        return []
    since = [look(champion, day=day) for day in days]
    return _series(known, since, num_reference, settings.seed)


def days_of_test(split: Split) -> list[date]:
    """Return the days of a test period."""
    first, stop = (datetime.fromtimestamp(moment, UTC) for moment in (split.test_start, split.end))
    number = max(1, (stop - first).days)
    return [(first + timedelta(days=place)).date() for place in range(number)]


def _series(before: list[Seen], since: list[Seen | None], num_reference: int, seed: int) -> list[Series]:
    random = np.random.default_rng(seed)
    # Of the day as it is and as it would be in the week after learning, other listeners may have found something new.
    judged = _draws([len(each.ndcg) for each in before], num_reference, np.random.default_rng(seed))
    draws = _draws([len(each.vectors) for each in before], num_reference, random)
    loss: dict[Measure, Callable[[Seen], Doubles]] = {
        NDCG: lambda day: np.column_stack([np.ones(len(day.ndcg)), day.ndcg])
    }
    measures: dict[Measure, Callable[[Seen], Doubles]] = {
        VECTORS: _features_of(np.concatenate([each.vectors for each in before]), random),
        SPREAD: lambda day: _spread(day.numbers[SCORES]),
        LEVEL: lambda day: _level(day.numbers[SCORES]),
    }
    found = _resampled(loss, before, since, judged, EVERYBODY)
    found += _resampled(measures, before, since, draws, EVERYBODY)
    found += _resampled(
        _binned([each.numbers for each in before]),
        [each.numbers for each in before],
        [None if each is None else each.numbers for each in since],
        draws,
        EVERYBODY,
    )
    radio = [each.radio for each in before if each.radio]
    if not radio:
        return found
    draws = _draws([len(each[SCORES]) for each in radio], num_reference, random)
    later = [None if each is None or not each.radio else each.radio for each in since]
    return found + _resampled(_binned(radio), radio, later, draws, OF_RADIO)


def _binned(before: list[Numbers]) -> dict[Measure, Callable[[Numbers], Doubles]]:
    """Return what counts the numbers of a day in bins of equal shares before; what was never known has none."""
    measures: dict[Measure, Callable[[Numbers], Doubles]] = {}
    for name in before[0]:
        edges = _edges(np.concatenate([each[name].ravel() for each in before]))
        if edges:
            meaning = "of the champion's candidates"
            measures[Measure(name, Kind.NUMBER, meaning, edges)] = partial(
                _histograms_of, name=name, edges=edges
            )
    return measures


def _resampled(
    measures: Counting[T], before: Sequence[T], since: Sequence[T | None], draws: "Draws", group: str
) -> list[Series]:
    """Return a series for each measure: days that are drawn from those before, then those since."""
    found = []
    for measure, of_listeners in measures.items():
        of_day = [of_listeners(each) for each in before]
        resampled = [of_day[place][listeners].sum(axis=0) for place, listeners in draws]
        width = of_day[0].shape[1]
        later = [np.zeros(width) if each is None else of_listeners(each).sum(axis=0) for each in since]
        bins = tuple(map(str, range(width)))
        found.append(Series(measure, group, bins, np.stack([*resampled, *later]), is_resampled=True))
    return found


def _histograms_of(day: Numbers, name: str, edges: tuple[float, ...]) -> Doubles:
    return _histograms(day[name], edges)


Draws = list[tuple[int, npt.NDArray[np.int64]]]


def _draws(sizes: list[int], number: int, random: np.random.Generator) -> Draws:
    """Draw days by their number of listeners, and of each its listeners with replacement."""
    places = [int(random.integers(len(sizes))) for _ in range(number)]
    return [(place, random.integers(sizes[place], size=sizes[place])) for place in places]


def _features_of(vectors: Floats, random: np.random.Generator) -> Callable[[Seen], Doubles]:
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
    means, known, number = _means(scores)
    apart = np.where(known, scores - means[:, None], 0.0).astype(np.float64)
    return np.column_stack([np.ones(len(scores)), np.sqrt((apart**2).sum(axis=1) / number)])


def _level(scores: Floats) -> Doubles:
    """Return [n, 3]: a one, the mean of each listener's scores, and its square."""
    means, _, _ = _means(scores)
    return np.column_stack([np.ones(len(scores)), means, means**2])


def _means(scores: Floats) -> tuple[Doubles, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return the mean [n] of each listener's scores, which of them are known [n, c], and how many [n], at least 1."""
    known = ~np.isnan(scores)
    number = np.maximum(known.sum(axis=1), 1)
    return np.where(known, scores, 0.0).sum(axis=1, dtype=np.float64) / number, known, number


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
