"""The session-kNN source: what the sessions most like the running one hold (V-SKNN, Ludewig and Jannach 2018)."""

from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Interactions, Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.session_votes import compare, vote
from crossfade.retrieval.sparse import (
    BUCKETS,
    Matrix,
    load_matrix,
    matrix_of,
    parts_of,
    save_matrix,
    sorted_ranking,
)
from crossfade.retrieval.sparse_rows import cleared
from crossfade.schema import columns as c

NEIGHBOURS: Final = 500  # sessions that vote
RECENT: Final = 2500  # newest sessions that share a track and are compared
MAX_SESSIONS: Final = 1_000_000  # newest that are kept
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
        liked = queries.positives
        zeros = cleared(max(self.sessions_.shape))
        scratch = zeros, zeros.view(np.float32), np.empty(BUCKETS, np.int32)
        alike, best = np.empty((len(queries), NEIGHBOURS), np.int64), np.empty((len(queries), k), np.int64)
        compare(
            (liked.offsets, liked.track_rows, liked.sessions),
            parts_of(self.by_track_),
            RECENT,
            scratch,
            alike,
        )
        alike.sort(axis=1)
        vote(alike, parts_of(self.sessions_), scratch[1:], best)
        return sorted_ranking(best)

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
