"""Item2vec alone (Barkan and Koenigstein 2016), tuned over what decides it for music (Caselles-Dupré et al. 2018)."""

from typing import Final

from benchmarks.quality.tuning import Grid, Parameters, Peer
from crossfade.evaluation.evaluate import Recommend
from crossfade.features.dataset import Dataset
from crossfade.retrieval.item2vec import Item2Vec
from crossfade.schema.settings import default_settings

GRID: Final[Grid] = {
    "window": (5, 3, 10),
    "negative_exponent": (0.0, 0.75, -0.5),
    "subsample": (10.0, 1.0, 100.0),
    "epochs": (10, 5, 20),
    "learning_rate": (0.1, 0.05, 0.2),
}
NEIGHBOURS: Final = 300


def fit_item2vec(known: Dataset, parameters: Parameters, seed: int) -> Recommend:
    """Fit our source with other settings; a poor index costs a trial some quality instead of ending the run."""
    defaults = default_settings()
    settings = defaults.item2vec.model_copy(update=dict(parameters))
    index = defaults.index.model_copy(update={"min_recall": 0.0})
    return Item2Vec(settings, index, NEIGHBOURS, seed).fit(known).recommend


ITEM2VEC: Final = Peer("item2vec_peer", fit_item2vec, GRID)
