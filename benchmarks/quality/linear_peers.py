"""EASE, a linear item-item model in closed form (Steck 2019), on the head of the catalogue."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.quality.implicit_models import as_matrix
from benchmarks.quality.tuning import Grid, Parameters, Peer
from crossfade.evaluation.evaluate import Recommend
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking, top_k

GRID: Final[Grid] = {
    "regularization": (500.0, 10.0, 50.0, 100.0, 250.0, 1000.0),
    "head": (4000, 2000, 1000),
    "weights": ("binary", "log"),
}


def fit_ease(known: Dataset, parameters: Parameters, _seed: int) -> Recommend:
    """Fit EASE on the `head` most listened tracks; the tail is neither an input nor an answer."""
    num_tracks, weights = len(known.catalogue), parameters["weights"]
    everything = known.queries(np.arange(len(known.users), dtype=np.int32), known.split.end)
    listens = np.bincount(everything.positives.track_rows, minlength=num_tracks)
    head = np.sort(np.argsort(-listens, kind="stable")[: parameters["head"]])
    histories = as_matrix(everything, num_tracks, weights)[:, head]
    likeness = closed_form(histories, parameters["regularization"])

    def recommend(queries: Queries, k: int) -> Ranking:
        asked = as_matrix(queries, num_tracks, weights)[:, head]
        scores = np.asarray(asked @ likeness)
        scores[np.diff(asked.indptr) == 0] = -np.inf
        places, best = top_k(scores, k)
        return np.where(places >= 0, head[places], -1).astype(np.int32), best

    return recommend


def closed_form(histories: Any, regularization: float) -> npt.NDArray[np.float32]:
    """Return the weights that predict each track from the others.

    They minimise |X - XB|^2 + regularization |B|^2 under a zero diagonal: with P = (XᵀX + regularization I)^-1,
    B = I - P / diag(P) by columns.

    Args:
        histories: Sparse X [num_users, num_head].
        regularization: Above 0.

    Returns:
        B [num_head, num_head] float32.
    """
    gram = (histories.T @ histories).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    precision = np.linalg.inv(gram)
    likeness = -precision / np.diag(precision)[None, :]
    np.fill_diagonal(likeness, 0.0)
    return likeness.astype(np.float32)


EASE: Final = Peer("ease", fit_ease, GRID)
