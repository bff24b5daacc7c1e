"""Models of `implicit`, fitted on positives as a matrix of users and tracks and asked as a system."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.quality.tuning import Fit, Parameters
from crossfade.evaluation.evaluate import Recommend
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.schema.errors import MissingExtraError


def asked_by_history(build: Callable[[Parameters, int], Any]) -> Fit:
    """Return how to fit a model that answers any history, also one that it was not fitted on.

    Args:
        build: (parameters without `weights`, seed) -> a model of `implicit`.
    """

    def fit(known: Dataset, parameters: Parameters, seed: int) -> Recommend:
        model = fitted_model(build, known, parameters, seed)
        num_tracks, weights = len(known.catalogue), parameters["weights"]

        def recommend(queries: Queries, k: int) -> Ranking:
            histories = as_matrix(queries, num_tracks, weights)
            places = np.arange(len(queries))
            return as_ranking(
                queries,
                *model.recommend(
                    places, histories, N=k, filter_already_liked_items=False, recalculate_user=True
                ),
            )

        return recommend

    return fit


def fitted_model(
    build: Callable[[Parameters, int], Any], known: Dataset, parameters: Parameters, seed: int
) -> Any:
    """Fit a model of `implicit` on the positives of all users.

    Raises:
        MissingExtraError: `implicit` is not installed.
    """
    try:
        from implicit.utils import ParameterWarning
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError("implicit", "bench") from error
    # implicit asks for it: its own threads and those of BLAS get into each other's way.
    threadpool_limits(1, "blas")
    everything = known.queries(np.arange(len(known.users), dtype=np.int32), known.split.end)
    matrix = as_matrix(everything, len(known.catalogue), parameters["weights"])
    model = build({name: value for name, value in parameters.items() if name != "weights"}, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # it warns of a conversion that it asks of itself
        model.fit(matrix, show_progress=False)
    return model


def as_ranking(queries: Queries, rows: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> Ranking:
    """Pad an answer of `implicit`: who liked nothing gets nothing, rather than tracks in any order."""
    empty = (rows < 0) | (np.diff(queries.positives.offsets) == 0)[:, None]
    return np.where(empty, -1, rows).astype(np.int32), np.where(empty, -np.inf, scores).astype(np.float32)


def as_matrix(queries: Queries, num_tracks: int, weights: str) -> csr_matrix:
    """Return positives as [n, num_tracks] float32: counts (strengths added up), their log or ones."""
    liked = queries.positives
    shape = (len(queries), num_tracks)
    matrix = csr_matrix((liked.strengths, (liked.owners, liked.track_rows)), shape=shape, dtype=np.float32)
    matrix.sum_duplicates()
    shaped = {"counts": matrix.data, "log": np.log1p(matrix.data), "binary": np.ones_like(matrix.data)}
    matrix.data = shaped[weights].astype(np.float32)
    return matrix
