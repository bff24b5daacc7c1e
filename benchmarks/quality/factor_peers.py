"""Matrix factorisation of `implicit`: ALS (Hu et al. 2008) and BPR (Rendle et al. 2009)."""

from typing import Any, Final

import numpy as np

from benchmarks.quality.implicit_models import as_ranking, asked_by_history, fitted_model
from benchmarks.quality.tuning import Grid, Parameters, Peer
from crossfade.evaluation.evaluate import Recommend
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking

SWEEPS: Final = 15
ALS_GRID: Final[Grid] = {
    "factors": (100, 32, 64, 200),
    "regularization": (0.01, 0.1, 1.0),
    "alpha": (1.0, 5.0, 20.0, 40.0),
    "weights": ("counts", "log", "binary"),
}
BPR_GRID: Final[Grid] = {
    "factors": (100, 32, 64, 200),
    "regularization": (0.01, 0.001, 0.03, 0.1),
    "learning_rate": (0.01, 0.03, 0.1),
    "iterations": (100, 200),
    "weights": ("binary",),  # it only compares what was liked with what was not
}


def _als(parameters: Parameters, seed: int) -> Any:
    from implicit.als import AlternatingLeastSquares

    return AlternatingLeastSquares(**parameters, iterations=SWEEPS, random_state=seed, use_gpu=False)


def _bpr(parameters: Parameters, seed: int) -> Any:
    from implicit.bpr import BayesianPersonalizedRanking

    # With more threads, updates race, and equal seeds give different models.
    return BayesianPersonalizedRanking(**parameters, random_state=seed, use_gpu=False, num_threads=1)


def fit_bpr(known: Dataset, parameters: Parameters, seed: int) -> Recommend:
    """Fit BPR; it knows the users that it was fitted on, and nothing of others or of later listening."""
    model = fitted_model(_bpr, known, parameters, seed)

    def recommend(queries: Queries, k: int) -> Ranking:
        known_rows = np.maximum(queries.user_rows, 0)
        rows, scores = model.recommend(known_rows, None, N=k, filter_already_liked_items=False)
        strange = queries.user_rows[:, None] < 0
        return as_ranking(queries, np.where(strange, -1, rows), scores)

    return recommend


ALS: Final = Peer("implicit_als", asked_by_history(_als), ALS_GRID)
BPR: Final = Peer("implicit_bpr", fit_bpr, BPR_GRID)
