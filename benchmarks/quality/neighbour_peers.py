"""Item-kNN of `implicit`: neighbours by cosine, TF-IDF (Salton) and BM25 (Robertson)."""

from collections.abc import Callable
from typing import Any, Final

from benchmarks.quality.implicit_models import asked_by_history
from benchmarks.quality.tuning import Grid, Parameters, Peer

KNN: Final[Grid] = {"K": (20, 50, 100, 200, 400), "weights": ("counts", "log", "binary")}
WITH_LENGTHS: Final[Grid] = {**KNN, "K1": (1.2, 0.5, 3.0, 100.0), "B": (0.75, 0.2, 0.5, 1.0)}


def _nearest(kind: str) -> Callable[[Parameters, int], Any]:
    def build(parameters: Parameters, _seed: int) -> Any:
        from implicit import nearest_neighbours

        return getattr(nearest_neighbours, kind)(**parameters)

    return build


COSINE: Final = Peer("implicit_cosine", asked_by_history(_nearest("CosineRecommender")), KNN)
TFIDF: Final = Peer("implicit_tfidf", asked_by_history(_nearest("TFIDFRecommender")), KNN)
BM25: Final = Peer("implicit_bm25", asked_by_history(_nearest("BM25Recommender")), WITH_LENGTHS)
