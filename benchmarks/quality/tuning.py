"""How every peer is tuned: one small budget of trials, chosen on the validation period."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np

from crossfade.evaluation.baselines import most_heard
from crossfade.evaluation.evaluate import Recommend, evaluate, unheard
from crossfade.evaluation.membership import locate
from crossfade.evaluation.popularity import Popularity
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.schema.settings import Settings

Parameters = Mapping[str, Any]

Grid = Mapping[str, tuple[Any, ...]]

Fit = Callable[[Dataset, Parameters, int], Recommend]

TRIALS: Final = 8
QUICK_TRIALS: Final = 2
BELOW_ALL: Final = np.float32(-1e30)  # scores of filled places


@dataclass(frozen=True)
class Peer:
    """A model to be compared with.

    Args:
        name: In figures and tables.
        fit: (all that may be known, parameters, seed) -> a system that does not filter what was heard.
        grid: The values that tuning draws from; the first of each is the default, and tried first.
    """

    name: str
    fit: Fit
    grid: Grid


@dataclass(frozen=True)
class Protocol:
    """How systems are asked and judged.

    Args:
        complete: (system, all that may be known) -> the system as it is asked, without empty places.
        score: Judges a system on the validation period; more is better.
    """

    complete: Callable[[Recommend, Dataset], Recommend]
    score: Callable[[Recommend], float]


class Tuned(NamedTuple):
    """What tuning chose.

    Args:
        parameters: The best of the tried ones.
        num_trials: So many were tried.
        score: Of the best on the validation period.
    """

    parameters: Parameters
    num_trials: int
    score: float

    def __str__(self) -> str:
        """Return the parameters on one line."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())


def search_space(peer: Peer) -> str:
    """Return a peer's grid on one line; the first value of each is its default."""
    return "; ".join(f"{name} in {', '.join(map(str, values))}" for name, values in peer.grid.items())


def by_time(dataset: Dataset, settings: Settings) -> Protocol:
    """Return the protocol for users: NDCG over the tracks of a period that are new to each user."""
    split = dataset.split
    truth = Truth.of(dataset, split.validation_start, split.test_start, settings)

    def score(system: Recommend) -> float:
        return float(evaluate("peer", system, truth, settings).metrics["ndcg"].mean())

    return Protocol(unheard_and_filled, score)


def tuned(peer: Peer, dataset: Dataset, protocol: Protocol, *, trials: int, seed: int) -> Tuned:
    """Choose parameters by their score on the validation period.

    Args:
        peer: What to tune.
        dataset: Nothing from the validation period on is fitted on.
        protocol: How a trial is asked and judged.
        trials: The budget, the same for every peer: the defaults and random points of the grid.
        seed: Of the draw of points and of every fit.

    Raises:
        MissingExtraError: `implicit` is needed and not installed.
    """
    known = dataset.until(dataset.split.validation_start)
    drawn = drawn_parameters(peer.grid, trials, seed)
    scores = [protocol.score(fitted(peer, each, known, protocol, seed)) for each in drawn]
    best = int(np.argmax(scores))
    return Tuned(drawn[best], len(drawn), scores[best])


def fitted(peer: Peer, parameters: Parameters, known: Dataset, protocol: Protocol, seed: int) -> Recommend:
    """Fit a peer on everything in the dataset, and let it answer as the protocol asks."""
    return protocol.complete(peer.fit(known, parameters, seed), known)


def drawn_parameters(grid: Grid, trials: int, seed: int) -> list[Parameters]:
    """Return the defaults and then distinct random points of the grid, `trials` in all."""
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    others = np.random.default_rng(seed).permutation(len(points) - 1)[: trials - 1] + 1
    return [points[0], *(points[place] for place in others)]


def unheard_and_filled(system: Recommend, known: Dataset) -> Recommend:
    """Mask what was heard; what is left empty is filled with popular tracks."""
    num_tracks = len(known.catalogue)
    popular = unheard(most_heard(Popularity.of(known, known.split.end)), num_tracks)
    return filled(unheard(system, num_tracks), popular)


def with_repeats_and_filled(system: Recommend, known: Dataset) -> Recommend:
    """Mask nothing; what is left empty is filled with popular tracks."""
    return filled(system, most_heard(Popularity.of(known, known.split.end)))


def filled(recommend: Recommend, fallback: Recommend) -> Recommend:
    """Return a system whose empty places at the end are filled with the fallback's tracks."""

    def both(queries: Queries, k: int) -> Ranking:
        rows, scores = recommend(queries, k)
        more, _ = fallback(queries, 2 * k)
        offsets = np.arange(len(queries) + 1, dtype=np.int64) * rows.shape[1]
        more = np.where(locate(offsets, rows.ravel(), more) >= 0, -1, more)
        joined = np.concatenate([rows, more], axis=1)
        order = np.argsort(joined < 0, axis=1, kind="stable")[:, :k]
        places = np.concatenate([scores, np.full(more.shape, BELOW_ALL)], axis=1)
        return np.take_along_axis(joined, order, axis=1), np.take_along_axis(places, order, axis=1)

    return both
