"""The transitions source: what followed the last tracks in sessions before.

A first-order Markov chain over tracks, asked from several of the last tracks, whose steps reach over the tracks
between (sequential rules, Kamehkhosh, Jannach and Ludewig 2017).
"""

from pathlib import Path
from typing import Final, Self

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sparse import (
    Matrix,
    best_of_rows,
    history_matrix,
    load_about,
    load_matrix,
    save_about,
    save_matrix,
    top_of_product,
)
from crossfade.schema import columns as c

WINDOW: Final = 5  # of the last tracks of the session speak ...
DECAY: Final = 0.5  # ... each half as loud as the one after it
STEPS: Final = 5  # a track so many places later still follows, and counts 1 / places
DISCOUNT: Final = 1.0  # added to what followed a track, so that one seldom followed promises less
FOLLOWERS: Final = "followers.arrow"


class Transitions:
    """Recommends what followed the last tracks of the session in sessions before.

    After `fit` or `load`, row t of the sparse `followers_` [num_tracks, num_tracks] float32 holds the share that each
    track has of what followed t, largest first.

    Args:
        num_followers: Kept of each track.
    """

    name = c.TRANSITIONS

    def __init__(self, num_followers: int) -> None:
        self.num_followers = num_followers

    def fit(self, dataset: Dataset) -> Self:
        """Count what followed what, among positives."""
        acts, num_tracks = dataset.interactions.where(dataset.interactions.positive), len(dataset.catalogue)
        total = scipy.sparse.csr_matrix((num_tracks, num_tracks), dtype=np.float32)
        for step in range(1, STEPS + 1):
            before = np.flatnonzero(acts.sessions[step:] == acts.sessions[:-step])
            places = acts.track_rows[before], acts.track_rows[before + step]
            ones = np.full(len(before), 1 / step, np.float32)
            total = total + scipy.sparse.csr_matrix((ones, places), shape=total.shape)
        sums = np.asarray(total.sum(axis=1)).ravel()
        total.data /= np.repeat(sums + np.float32(DISCOUNT), np.diff(total.indptr))
        self.followers_: Matrix = best_of_rows(total, self.num_followers)
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Sum the shares of what followed each query's last 5 positive tracks of the session; see `Retriever`.

        A track speaks half as loud as the one after it.
        """
        liked, num_tracks = queries.positives, self.followers_.shape[0]
        recent = history_matrix(liked, liked.track_rows, loudness(liked), num_tracks)
        return top_of_product(recent, self.followers_, k)

    def save(self, directory: Path) -> None:
        """Write `followers.arrow` and `about.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        save_matrix(self.followers_, directory / FOLLOWERS)
        save_about(directory, num_followers=self.num_followers)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        loaded = cls(load_about(directory)["num_followers"])
        loaded.followers_ = load_matrix(directory / FOLLOWERS, len(catalogue))
        return loaded


def loudness(liked: Queries) -> npt.NDArray[np.float64]:
    """Return how loud each positive entry [m] speaks: 1 for the last, half for the one before, 0 beyond 5 and the session."""
    loud = np.empty(len(liked.track_rows))
    _speak(liked.offsets, liked.sessions, DECAY ** np.arange(WINDOW, dtype=np.float64), loud)
    return loud


@numba.njit(cache=True, nogil=True)
def _speak(offsets, sessions, of_places, loud):  # type: ignore[no-untyped-def]
    """Fill loud [m] by places from the end of each history, 0 beyond the last session and the places [w]."""
    for query in range(len(offsets) - 1):
        last = offsets[query + 1] - 1
        for entry in range(offsets[query], last + 1):
            is_recent = last - entry < len(of_places) and sessions[entry] == sessions[last]
            loud[entry] = of_places[last - entry] if is_recent else 0.0
