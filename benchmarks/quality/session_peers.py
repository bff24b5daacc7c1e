"""Peers that read the running session: session-kNN and first-order Markov chains."""

from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix, diags

from benchmarks.quality.tuning import Grid, Parameters, Peer
from crossfade.evaluation.evaluate import Recommend
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Interactions, Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sparse import history_matrix, rows_of, top_of_rows

KNN_GRID: Final[Grid] = {
    "neighbours": (100, 50, 200, 500),
    "recent": (1000, 500, 2500, 5000),
    "decay": ("linear", "none", "inverse", "quadratic"),
}
MARKOV_GRID: Final[Grid] = {
    "window": (1, 2, 3, 5, 10),
    "decay": (0.5, 0.3, 0.8),
    "steps": (1, 2, 5, 10),
    "discount": (0.0, 1.0, 10.0),
}
LINEAR_TRACKS: Final = 10  # the linear decay reaches 0 this many tracks back


def fit_session_knn(known: Dataset, parameters: Parameters, _seed: int) -> Recommend:
    """Fit session-kNN (V-SKNN of Ludewig and Jannach 2018).

    Of the `recent` newest sessions that share a track with the running one, the `neighbours` most similar ones
    vote for their tracks, each by its cosine; tracks of the running session weigh less the older they are.
    """
    sessions = session_matrix(known)
    # Each neighbour is of length 1; the length of the asking side does not change its order.
    lengths = np.sqrt(np.maximum(np.diff(sessions.indptr), 1)).astype(np.float32)
    by_track = (diags(1 / lengths) @ sessions).T.tocsr()

    def recommend(queries: Queries, k: int) -> Ranking:
        running = queries.positives.keep(queries.positives.in_last_session)
        weights = _decays(running, parameters["decay"])
        asking = history_matrix(running, running.track_rows, weights, sessions.shape[1]).scipy()
        alike = _newest(asking @ by_track, parameters["recent"])
        nearest = rows_of(top_of_rows(alike, parameters["neighbours"]), sessions.shape[0])
        return top_of_rows(nearest @ sessions, k)

    return recommend


def session_matrix(known: Dataset) -> Any:
    """Return sparse [num_sessions, num_tracks] float32 of ones where a track was liked, oldest session first."""
    liked = known.interactions.where(known.interactions.positive)
    numbers, firsts, members = np.unique(liked.sessions, return_index=True, return_inverse=True)
    places = np.argsort(np.argsort(liked.seconds[firsts], kind="stable"))
    cells = (np.ones(len(liked), np.float32), (places[members], liked.track_rows))
    matrix = csr_matrix(cells, shape=(len(numbers), len(known.catalogue)))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _decays(running: Queries, kind: str) -> np.ndarray[Any, Any]:
    age = running.places_from_end
    shares = {
        "none": np.ones(len(age)),
        "linear": np.maximum(1 - age / LINEAR_TRACKS, 0.0),
        "inverse": 1 / (age + 1),
        "quadratic": 1 / (age + 1) ** 2,
    }
    return shares[kind]


def _newest(alike: Any, most: int) -> Any:
    """Keep the last `most` columns of each row that are not 0."""
    alike.eliminate_zeros()
    alike.sort_indices()
    ends = np.repeat(alike.indptr[1:], np.diff(alike.indptr))
    alike.data[ends - np.arange(alike.nnz) > most] = 0
    alike.eliminate_zeros()
    return alike


def fit_markov(known: Dataset, parameters: Parameters, _seed: int) -> Recommend:
    """Fit a first-order Markov chain over tracks, asked from the last `window` tracks with decay.

    A track `g` places later in the session, up to `steps`, counts 1/g: with more than one step these are the
    sequential rules of Kamehkhosh et al. (2017). Shares are over what followed a track plus `discount`, which
    takes weight from tracks that were seldom followed.
    """
    followed = transitions(known.interactions, len(known.catalogue), parameters["steps"])
    totals = np.asarray(followed.sum(axis=1)).ravel()
    shares = (diags(1 / np.maximum(totals + parameters["discount"], 1e-9)) @ followed).tocsr()

    def recommend(queries: Queries, k: int) -> Ranking:
        liked = queries.positives
        weights = parameters["decay"] ** liked.places_from_end
        weights = np.where(liked.in_last_session & (liked.places_from_end < parameters["window"]), weights, 0)
        recent = history_matrix(liked, liked.track_rows, weights, followed.shape[0])
        return top_of_rows(recent @ shares, k)

    return recommend


def transitions(acts: Interactions, num_tracks: int, steps: int) -> Any:
    """Count which liked track followed which within a session: sparse [num_tracks, num_tracks] float32."""
    liked = acts.where(acts.positive)
    total = csr_matrix((num_tracks, num_tracks), dtype=np.float32)
    for step in range(1, steps + 1):
        together = liked.sessions[step:] == liked.sessions[:-step]
        pairs = (liked.track_rows[:-step][together], liked.track_rows[step:][together])
        ones = np.full(together.sum(), 1 / step, np.float32)
        total = total + csr_matrix((ones, pairs), shape=total.shape)
    return total


SESSION_KNN: Final = Peer("session_knn", fit_session_knn, KNN_GRID)
MARKOV: Final = Peer("markov", fit_markov, MARKOV_GRID)
