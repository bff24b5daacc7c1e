"""The EASE source: a linear item-item model in closed form (Steck 2019), on the head of the catalogue."""

from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy.sparse

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Queries
from crossfade.retrieval.contract import Ranking, top_k
from crossfade.retrieval.fading import recent_likes
from crossfade.retrieval.heard import Heard
from crossfade.retrieval.linked import Linked, Units
from crossfade.retrieval.neighbours import baskets
from crossfade.retrieval.sparse import (
    Matrix,
    load_about,
    load_matrix,
    save_about,
    save_matrix,
    top_of_product,
)
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows
from crossfade.schema.model_settings import EaseSettings

WEIGHTS: Final = "weights.arrow"


class Ease:
    """Recommends what the query's recent positive tracks predict, each track being predicted from all others.

    Time grows with the third and memory with the second power of the tracks, so only the most listened ones are either
    asked or answered. After `fit` or `load`, row t of the sparse `neighbours_` [num_tracks, num_tracks] float32 holds
    the tracks that t speaks for most, strongest first; empty outside the head.

    Args:
        settings: Size of the head, regularization and how many weights of a track are kept.
    """

    name = c.EASE

    def __init__(self, settings: EaseSettings) -> None:
        self.settings = settings

    def fit(self, dataset: Dataset) -> Self:
        """Solve for the weights of the head, forgetting any earlier fit."""
        acts, num_tracks = dataset.interactions, len(dataset.catalogue)
        head = most_listened(acts.track_rows[acts.positive], num_tracks, self.settings.head)
        together = baskets(acts, acts.track_rows, num_tracks)[:, head]
        weights = closed_form(together, self.settings.regularization)
        self.has_time_ = dataset.split.has_time
        self.neighbours_ = spread(top_k(weights, min(self.settings.neighbours, len(head))), head, num_tracks)
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Sum what each query's recent positive tracks speak for; see `Retriever`."""
        return top_of_product(self.recent(queries), self.neighbours_, k)

    def recalled(self, heard: Heard, queries: Queries, rows: Rows) -> Linked:
        """Say which recent tracks lead to given tracks [n, k]; see `Recalling`."""
        units = Units.of_tracks(heard, heard.read(self.recent(queries)))
        return Linked.of(units, self.neighbours_, rows)

    def recent(self, queries: Queries) -> SparseRows:
        """Weigh recent positive tracks, sparse [n, num_tracks]."""
        return recent_likes(queries, self.neighbours_.shape[0], has_time=self.has_time_)

    def save(self, directory: Path) -> None:
        """Write `weights.arrow` and `about.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        save_matrix(self.neighbours_, directory / WEIGHTS)
        save_about(directory, settings=self.settings.model_dump(), has_time=self.has_time_)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        about = load_about(directory)
        loaded = cls(EaseSettings(**about["settings"]))
        loaded.has_time_ = about["has_time"]
        loaded.neighbours_ = load_matrix(directory / WEIGHTS, len(catalogue))
        return loaded


def most_listened(track_rows: Rows, num_tracks: int, most: int) -> Rows:
    """Return up to `most` rows that stand most often in [m] positive plays, sorted; of equals the lower rows."""
    listens = np.bincount(track_rows, minlength=num_tracks)
    order = np.argsort(-listens, kind="stable")[: min(most, np.count_nonzero(listens))]
    return np.sort(order).astype(np.int32)


def closed_form(histories: Matrix, regularization: float) -> Floats:
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
    weights = -precision / np.diag(precision)[None, :]
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)


def spread(ranking: Ranking, head: Rows, num_tracks: int) -> Matrix:
    """Move a ranking of the head among itself [num_head, n] to the rows of the catalogue, keeping what is above 0."""
    places, weights = ranking
    kept = (places >= 0) & (weights > 0)
    counts = np.zeros(num_tracks, np.int64)
    counts[head] = kept.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return scipy.sparse.csr_matrix((weights[kept], head[places[kept]], offsets), (num_tracks, num_tracks))
