"""Recall of unheard tracks on a held-out period: what tells two-tower training when to stop."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.retrieval.contract import top_k
from crossfade.schema.ids import Rows

PERIOD_SHARE: Final = 0.05
# Only these users' newest listens are held out; those of all others are learnt, as what is new is worth most.
USER_SHARE: Final = 0.3
MAX_USERS: Final = 1000
# The recall of fewer users is noise, not a reason to stop.
MIN_USERS: Final = 20
RECALL_AT: Final = 100
QUERIES_PER_BLOCK: Final = 256


@dataclass(frozen=True)
class Validation:
    """Users who, from a moment on, wanted tracks that they had never heard before it.

    Args:
        start: Seconds; of these users, training may only use what happened before.
        queries: [n] the users as of `start`, sorted by user.
        wanted: [m] int64 sorted keys (query * num_tracks + track) of the unheard tracks wanted from `start`
            on.
        num_tracks: Size of the catalogue.
    """

    start: int
    queries: Queries
    wanted: Int64s
    num_tracks: int

    @classmethod
    def of(cls, dataset: Dataset, seed: int) -> Self:
        """Take the time of the newest 5 % of positives and draw users who wanted unheard tracks in it.

        Args:
            dataset: All that may be known, with at least one positive interaction.
            seed: Of the draw.

        Returns:
            The held-out users; none where there are too few to tell anything.
        """
        acts, num_tracks = dataset.interactions, len(dataset.catalogue)
        start = int(np.quantile(acts.seconds[acts.positive], 1 - PERIOD_SHARE, method="higher"))
        keys = acts.user_rows.astype(np.int64) * num_tracks + acts.track_rows
        late = acts.seconds >= start
        wanted = np.setdiff1d(keys[late & acts.positive], keys[~late])
        candidates = np.unique(wanted // num_tracks)
        count = min(int(USER_SHARE * len(candidates)), MAX_USERS)
        drawn = np.random.default_rng(seed).permutation(candidates)[: count if count >= MIN_USERS else 0]
        users = np.sort(drawn).astype(np.int32)
        wanted = wanted[np.isin(wanted // num_tracks, users)]
        places = np.searchsorted(users, wanted // num_tracks)
        return cls(
            start, dataset.queries(users, start), places * num_tracks + wanted % num_tracks, num_tracks
        )

    def holds_out(self, user_rows: Rows, seconds: Int64s) -> npt.NDArray[np.bool_]:
        """Return which interactions [n] training must not see as targets."""
        return np.isin(user_rows, self.queries.user_rows) & (seconds >= self.start)

    def recall(self, users: Floats, tracks: Floats) -> float:
        """Return recall@100 over all tracks, heard ones left out, averaged over users.

        Args:
            users: [n, dim] float32 user vectors of the queries.
            tracks: [num_tracks, dim] float32.

        Returns:
            Mean of hits / min(100, wanted) over the queries.
        """
        hits = np.concatenate(
            [
                self._hits(users[i : i + QUERIES_PER_BLOCK], tracks, i)
                for i in range(0, len(users), QUERIES_PER_BLOCK)
            ]
        )
        counts = np.bincount(self.wanted // self.num_tracks, minlength=len(users))
        return float((hits / np.minimum(counts, RECALL_AT)).mean())

    def _hits(self, users: Floats, tracks: Floats, first: int) -> npt.NDArray[np.intp]:
        scores = users @ tracks.T
        heard = self.queries.slice(first, first + len(users))
        scores[heard.owners, heard.track_rows] = -np.inf
        rows = top_k(scores, RECALL_AT)[0].astype(np.int64)
        keys = np.where(rows >= 0, (np.arange(len(users))[:, None] + first) * self.num_tracks + rows, -1)
        return np.asarray(np.isin(keys, self.wanted).sum(axis=1))
