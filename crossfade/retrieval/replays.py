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
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.fading import fading_plays
from crossfade.retrieval.sparse import BUCKETS, NO_KEY, keep_best, load_about, save_about, sorted_ranking
from crossfade.retrieval.sparse_rows import cleared
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
        keys, longest = np.empty((len(queries), k), np.int64), liked.longest
        room = np.empty(longest, np.int32), np.empty((2, longest), np.float32), np.empty((2, longest))
        scratch = cleared(self.num_tracks_), np.empty(BUCKETS, np.int32), room
        _replay((liked.offsets, liked.track_rows, liked.sessions), (weights, loudness(liked)), scratch, keys)
        return sorted_ranking(keys)

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


@numba.njit(cache=True, nogil=True)
def _replay(histories, of_entries, scratch, keys):  # type: ignore[no-untyped-def]
    """Fill keys [n, k], in no order, with the best of each history (offsets, tracks, sessions).

    `of_entries` are weights of plays and how loud they speak. Scratch is zeros [num_tracks], counts of buckets, and room for
    the longest history's tracks, their plays and what followed, how loud they are and how much followed them.
    """
    (offsets, tracks, sessions), (weights, loud), (places, counts, room) = histories, of_entries, scratch
    for query in range(len(keys)):
        (columns, (plays, follows), (louder, totals)), count = room, 0
        first, last = offsets[query], offsets[query + 1]
        for entry in range(first, last):
            track = tracks[entry]
            if places[track] == 0:
                columns[count], plays[count], follows[count], louder[count], totals[count] = track, 0, 0, 0, 0
                count += 1
                places[track] = count
            plays[places[track] - 1] += np.float32(PLAY_WEIGHT * weights[entry])
            louder[places[track] - 1] += loud[entry]
        _follow((tracks, sessions), (first, last), places, (louder, totals, follows))
        for place in range(count):
            plays[place] += follows[place]
            places[columns[place]] = 0
        keys[query] = NO_KEY
        keep_best(columns[:count], plays[:count], counts, keys[query])


@numba.njit(cache=True, nogil=True)
def _follow(history, span, places, sums):  # type: ignore[no-untyped-def]
    """Add to follows the shares that tracks have of what followed loud ones; how much followed those stands in totals.

    What is one step away comes first, then what is two steps away.
    """
    (tracks, sessions), (first, last), (louder, totals, follows) = history, span, sums
    for step in range(1, STEPS + 1):
        for entry in range(first, last - step):
            place = places[tracks[entry]] - 1
            if louder[place] > 0 and sessions[entry] == sessions[entry + step]:
                totals[place] += 1.0 / step
    for step in range(1, STEPS + 1):
        for entry in range(first, last - step):
            place = places[tracks[entry]] - 1
            if louder[place] > 0 and sessions[entry] == sessions[entry + step]:
                share = louder[place] * (1.0 / step) / (totals[place] + DISCOUNT)
                follows[places[tracks[entry + step]] - 1] += np.float32(share)
