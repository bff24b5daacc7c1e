"""EASE, a linear item-item model in closed form (Steck 2019), on the head of the catalogue."""

from typing import Final

import numpy as np

from benchmarks.quality.implicit_models import as_matrix
from benchmarks.quality.tuning import Grid, Parameters, Peer
from crossfade.evaluation.evaluate import Recommend
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking, top_k
from crossfade.retrieval.ease import closed_form, most_listened

GRID: Final[Grid] = {
    "regularization": (500.0, 10.0, 50.0, 100.0, 250.0, 1000.0),
    "head": (4000, 2000, 1000),
    "weights": ("binary", "log"),
}


def fit_ease(known: Dataset, parameters: Parameters, _seed: int) -> Recommend:
    """Fit EASE on the `head` most listened tracks; the tail is neither an input nor an answer."""
    num_tracks, weights = len(known.catalogue), parameters["weights"]
    everything = known.queries(np.arange(len(known.users), dtype=np.int32), known.split.end)
    head = most_listened(everything.positives.track_rows, num_tracks, parameters["head"])
    histories = as_matrix(everything, num_tracks, weights)[:, head]
    likeness = closed_form(histories, parameters["regularization"])

    def recommend(queries: Queries, k: int) -> Ranking:
        asked = as_matrix(queries, num_tracks, weights)[:, head]
        scores = np.asarray(asked @ likeness)
        scores[np.diff(asked.indptr) == 0] = -np.inf
        places, best = top_k(scores, k)
        return np.where(places >= 0, head[places], -1).astype(np.int32), best

    return recommend


EASE: Final = Peer("ease_peer", fit_ease, GRID)
