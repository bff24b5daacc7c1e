"""The replays source: what the listener played before, since people play albums, lists and favourites again.

What followed the last tracks with this very listener comes first, then what was played often and lately.
"""

from pathlib import Path
from typing import Final, Self

import numba
import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
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
    loud, most = pairs.total(loudness(liked)), STEPS * len(liked.track_rows)
    found = np.empty((most, 1), np.int32), np.empty((most, 1))
    history = (liked.offsets, liked.track_rows, liked.sessions)
    offsets = _follow(history, (pairs.members, loud, np.zeros(len(loud))), found)
    return SparseRows.summed(offsets, found[0][: offsets[-1]], found[1][: offsets[-1]], width)


@numba.njit(cache=True, nogil=True)
def _follow(history, pairs, found):  # type: ignore[no-untyped-def]
    """Fill found with what followed loud tracks, and its shares; returns offsets by query.

    `pairs` is each entry's pair of query and track, how loud pairs are, and room for the sums of what followed them, all 0.
    What is one step away comes first, then what is two steps away.
    """
    (offsets, tracks, sessions), (members, loud, totals), (columns, values) = history, pairs, found
    ends, count = np.zeros(len(offsets), np.int64), 0
    for query in range(len(offsets) - 1):
        first, last = offsets[query], offsets[query + 1]
        for step in range(1, STEPS + 1):
            for entry in range(first, last - step):
                if loud[members[entry]] > 0 and sessions[entry] == sessions[entry + step]:
                    totals[members[entry]] += 1.0 / step
        for step in range(1, STEPS + 1):
            for entry in range(first, last - step):
                pair = members[entry]
                if loud[pair] > 0 and sessions[entry] == sessions[entry + step]:
                    columns[count, 0] = tracks[entry + step]
                    values[count, 0] = loud[pair] * (1.0 / step) / (totals[pair] + DISCOUNT)
                    count += 1
        ends[query + 1] = count
    return ends
