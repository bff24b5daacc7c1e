"""Peers from `implicit`, tuned on the validation period by one small budget each."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from crossfade.evaluation.baselines import popularity
from crossfade.evaluation.evaluate import Recommend, evaluate, unheard
from crossfade.evaluation.membership import locate
from crossfade.evaluation.popularity import Popularity
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.schema.errors import MissingExtraError
from crossfade.schema.settings import Settings

Parameters = Mapping[str, Any]

Grid = Mapping[str, tuple[Any, ...]]

WEIGHTS: Final = ("counts", "log", "binary")
KNN: Final[Grid] = {"K": (20, 50, 100, 200, 400), "weights": WEIGHTS}
BM25: Final[Grid] = {**KNN, "K1": (1.2, 0.5, 3.0, 100.0), "B": (0.75, 0.2, 0.5, 1.0)}
ALS: Final[Grid] = {
    "factors": (100, 32, 64, 200),
    "regularization": (0.01, 0.1, 1.0),
    "alpha": (1.0, 5.0, 20.0, 40.0),
    "weights": WEIGHTS,
}


@dataclass(frozen=True)
class Peer:
    """One model of `implicit` and the values that its tuning draws from; the first of each is tried first."""

    name: str
    build: Callable[[Parameters, int], Any]
    grid: Grid


def _nearest(kind: str) -> Callable[[Parameters, int], Any]:
    def build(parameters: Parameters, _seed: int) -> Any:
        from implicit import nearest_neighbours

        chosen = {name: value for name, value in parameters.items() if name != "weights"}
        return getattr(nearest_neighbours, kind)(**chosen)

    return build


def _als(parameters: Parameters, seed: int) -> Any:
    from implicit.als import AlternatingLeastSquares

    chosen = {name: value for name, value in parameters.items() if name != "weights"}
    return AlternatingLeastSquares(**chosen, iterations=15, random_state=seed, use_gpu=False)


PEERS: Final = (
    Peer("implicit_cosine", _nearest("CosineRecommender"), KNN),
    Peer("implicit_tfidf", _nearest("TFIDFRecommender"), KNN),
    Peer("implicit_bm25", _nearest("BM25Recommender"), BM25),
    Peer("implicit_als", _als, ALS),
)


def tuned(peer: Peer, dataset: Dataset, settings: Settings, *, trials: int) -> tuple[Recommend, str]:
    """Choose parameters by NDCG on the validation period, then fit on all that precedes the test period.

    Returns:
        The fitted peer and its parameters as text.

    Raises:
        MissingExtraError: `implicit` is not installed.
    """
    split = dataset.split
    truth = Truth.of(dataset, split.validation_start, split.test_start, settings)
    scores = []
    drawn = drawn_parameters(peer.grid, trials, settings.seed)
    for parameters in drawn:
        system = fitted(peer, parameters, dataset.until(split.validation_start), settings.seed)
        scores.append(float(evaluate(peer.name, system, truth, settings).metrics["ndcg"].mean()))
    best = drawn[int(np.argmax(scores))]
    text = ", ".join(f"{name}={value}" for name, value in best.items())
    return fitted(peer, best, dataset.until(split.test_start), settings.seed), text


def drawn_parameters(grid: Grid, trials: int, seed: int) -> list[Parameters]:
    """Return the library's defaults and then distinct random points of the grid, `trials` in all."""
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    others = np.random.default_rng(seed).permutation(len(points) - 1)[: trials - 1] + 1
    return [points[0], *(points[place] for place in others)]


def fitted(peer: Peer, parameters: Parameters, known: Dataset, seed: int) -> Recommend:
    """Fit a peer on everything in the dataset; what it leaves empty is filled with popular tracks."""
    try:
        from implicit.utils import ParameterWarning
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("implicit", "bench") from error
    # implicit asks for it: its own threads and those of BLAS get into each other's way.
    threadpool_limits(1, "blas")
    num_tracks, weights = len(known.catalogue), parameters["weights"]
    everything = known.queries(np.arange(len(known.users), dtype=np.int32), known.split.end)
    model = peer.build(parameters, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # it warns of a conversion that it asks of itself
        model.fit(as_matrix(everything, num_tracks, weights), show_progress=False)

    def recommend(queries: Queries, k: int) -> Ranking:
        rows, scores = model.recommend(
            np.arange(len(queries)),
            as_matrix(queries, num_tracks, weights),
            N=k,
            filter_already_liked_items=False,
            recalculate_user=True,
        )
        empty = (rows < 0) | (np.diff(queries.positives.offsets) == 0)[:, None]
        return np.where(empty, -1, rows).astype(np.int32), np.where(empty, -np.inf, scores).astype(np.float32)

    return filled(unheard(recommend, num_tracks), popularity(Popularity.of(known, known.split.end)))


def as_matrix(queries: Queries, num_tracks: int, weights: str) -> csr_matrix:
    """Return positives as [n, num_tracks] float32: counts (strengths added up), their log or ones."""
    liked = queries.positives
    shape = (len(queries), num_tracks)
    matrix = csr_matrix((liked.strengths, (liked.owners, liked.track_rows)), shape=shape, dtype=np.float32)
    matrix.sum_duplicates()
    shaped = {"counts": matrix.data, "log": np.log1p(matrix.data), "binary": np.ones_like(matrix.data)}
    matrix.data = shaped[weights].astype(np.float32)
    return matrix


def filled(recommend: Recommend, fallback: Recommend) -> Recommend:
    """Return a system whose empty places at the end are filled with the fallback's tracks."""

    def both(queries: Queries, k: int) -> Ranking:
        rows, scores = recommend(queries, k)
        more, _ = fallback(queries, 2 * k)
        offsets = np.arange(len(queries) + 1, dtype=np.int64) * rows.shape[1]
        more = np.where(locate(offsets, rows.ravel(), more) >= 0, -1, more)
        joined = np.concatenate([rows, more], axis=1)
        order = np.argsort(joined < 0, axis=1, kind="stable")[:, :k]
        places = np.concatenate([scores, np.full(more.shape, np.float32(-1e30))], axis=1)
        return np.take_along_axis(joined, order, axis=1), np.take_along_axis(places, order, axis=1)

    return both
