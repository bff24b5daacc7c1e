"""The session-kNN source: what the sessions most like the running one hold (V-SKNN, Ludewig and Jannach 2018)."""

from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Interactions, Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sparse import (
    Matrix,
    history_matrix,
    load_matrix,
    matrix_of,
    save_matrix,
    top_of_product,
    top_of_rows,
)
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.schema import columns as c

NEIGHBOURS: Final = 500  # sessions that vote
RECENT: Final = 2500  # newest sessions that share a track and are compared
MAX_SESSIONS: Final = 1_000_000  # newest that are kept
# A track that was played g tracks ago weighs 1 / (1 + g)^2 in the running session.
AGE_POWER: Final = 2
SESSIONS: Final = "sessions.arrow"


class SessionKnn:
    """Recommends tracks of the sessions that are most like the running one, each session by its cosine.

    After `fit` or `load`: sparse `sessions_` [num_sessions, num_tracks] float32 of ones where a track was liked, oldest
    session first, and `by_track_`, the same with sessions of length 1, transposed.
    """

    name = c.SESSION_KNN

    def fit(self, dataset: Dataset) -> Self:
        """Collect the sessions with their positive tracks."""
        acts = dataset.interactions
        self._hold(_session_matrix(acts.where(acts.positive), len(dataset.catalogue)))
        return self

    def _hold(self, sessions: Matrix) -> None:
        self.sessions_ = sessions
        lengths = np.diff(sessions.indptr)
        cosines = sessions.copy()
        cosines.data = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
        self.by_track_: Matrix = cosines.T.tocsr()

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Let the 500 most similar of the newest sessions that share a track vote; see `Retriever`."""
        running = queries.positives.last_sessions
        weights = 1.0 / (1 + running.places_from_end) ** AGE_POWER
        asking = history_matrix(running, running.track_rows, weights, self.sessions_.shape[1])
        alike = _newest(asking @ self.by_track_)
        sessions, likeness = top_of_rows(alike, NEIGHBOURS)
        places = np.arange(len(queries) + 1)
        nearest = SparseRows.summed(places, sessions, np.maximum(likeness, 0), alike.width)
        return top_of_product(nearest, self.sessions_, k)

    def save(self, directory: Path) -> None:
        """Write `sessions.arrow`."""
        directory.mkdir(parents=True, exist_ok=True)
        save_matrix(self.sessions_, directory / SESSIONS)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The file is missing, not whole, or of another catalogue.
        """
        loaded = cls()
        loaded._hold(load_matrix(directory / SESSIONS, len(catalogue)))
        return loaded


def _session_matrix(liked: Interactions, num_tracks: int) -> Matrix:
    """Return sparse [num_sessions, num_tracks] of ones, the newest sessions, oldest first."""
    _, firsts, members = np.unique(liked.sessions, return_index=True, return_inverse=True)
    begins: npt.NDArray[np.int64] = liked.seconds[firsts]
    places = np.argsort(np.argsort(begins, kind="stable"))[members] - max(len(begins) - MAX_SESSIONS, 0)
    order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
    counts = np.bincount(places[order], minlength=min(len(begins), MAX_SESSIONS))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    matrix = matrix_of(np.ones(len(order)), liked.track_rows[order], offsets, num_tracks)
    matrix.data[:] = 1.0
    return matrix


def _newest(alike: SparseRows) -> SparseRows:
    """Set what a row has beside its last `RECENT` columns to 0, in place."""
    if alike.nnz <= RECENT:
        return alike
    for row in np.flatnonzero(np.diff(alike.indptr) > RECENT):
        first, end = alike.indptr[row : row + 2]
        columns = alike.indices[first:end]
        oldest_kept = np.partition(columns, len(columns) - RECENT)[len(columns) - RECENT]
        alike.data[first:end][columns < oldest_kept] = 0
    return alike
