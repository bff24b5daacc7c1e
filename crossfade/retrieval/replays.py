"""The replays source: what the listener played before, since people play albums, lists and favourites again.

What followed the last tracks with this very listener comes first, then what was played often and lately.
"""

from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Queries
from crossfade.features.pairs import Pairs
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.fading import fading_plays
from crossfade.retrieval.sparse import history_matrix, load_about, save_about, top_of_rows
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.retrieval.transitions import DISCOUNT, STEPS, loudness
from crossfade.schema import columns as c

HALF_LIFE_TRACKS: Final = 100.0  # what was played so many tracks ago is half as likely to come again ...
HALF_LIFE_DAYS: Final = 28.0  # ... and so many days ago
PLAY_WEIGHT: Final = 0.01  # of a play against having followed the last track: it only fills the list up

Doubles = npt.NDArray[np.float64]


class Replays:
    """Recommends a query's own positive tracks.

    After `fit` or `load`: `num_tracks_` and `has_time_`.
    """

    name = c.REPLAYS

    def fit(self, dataset: Dataset) -> Self:
        """Learn the size of the catalogue, and whether times mean something."""
        self.num_tracks_, self.has_time_ = len(dataset.catalogue), dataset.split.has_time
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Score a track by how often it followed the last 5 of the session, then by fading plays; see `Retriever`."""
        liked = queries.positives
        weights = fading_plays(liked, HALF_LIFE_TRACKS, HALF_LIFE_DAYS, has_time=self.has_time_)
        played = history_matrix(liked, liked.track_rows, PLAY_WEIGHT * weights, self.num_tracks_)
        return top_of_rows(played + own_followers(liked, self.num_tracks_), k)

    def save(self, directory: Path) -> None:
        """Write `about.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        save_about(directory, has_time=self.has_time_)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The file is missing or not whole.
        """
        loaded = cls()
        loaded.num_tracks_, loaded.has_time_ = len(catalogue), load_about(directory)["has_time"]
        return loaded


def own_followers(liked: Queries, width: int) -> SparseRows:
    """Sum the shares that tracks have of what followed each query's last tracks within its own history.

    Args:
        liked: n queries with positive entries.
        width: Number of tracks.

    Returns:
        Sparse [n, width] float32.
    """
    pairs = Pairs.of(liked.owners, liked.track_rows, width)
    loud = pairs.total(loudness(liked))
    firsts, followers, counts = _followed(liked, np.flatnonzero(loud[pairs.members] > 0))
    members, owners = pairs.members[firsts], liked.owners[firsts]
    totals = np.bincount(members, counts, len(pairs.keys)) + DISCOUNT
    values = loud[members] * counts / totals[members]
    order = np.argsort(owners, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(liked)))]).astype(np.int64)
    columns = liked.track_rows[followers[order]]
    return SparseRows.summed(offsets, columns[:, None], values[order, None], width)


def _followed(liked: Queries, entries: Int64s) -> tuple[Int64s, Int64s, Doubles]:
    """Return pairs of an entry and one after it within session and reach [p], and what each counts [p]."""
    ends = liked.offsets[1:][liked.owners]
    firsts, followers, counts = [], [], []
    for step in range(1, STEPS + 1):
        reaching = entries[entries + step < ends[entries]]
        reaching = reaching[liked.sessions[reaching] == liked.sessions[reaching + step]]
        firsts.append(reaching)
        followers.append(reaching + step)
        counts.append(np.full(len(reaching), 1 / step))
    return np.concatenate(firsts), np.concatenate(followers), np.concatenate(counts)
