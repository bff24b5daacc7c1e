"""How popular each track was before a moment: what novelty, the long tail and cold tracks are measured by."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.schema.ids import Rows

HEAD_LISTEN_SHARE: Final = 0.5  # the head: the fewest tracks that together gather this share of all listens

Counts = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Popularity:
    """Counts before the evaluated period only, so that nothing of the future makes a track look known.

    Args:
        listens: [num_tracks] int64 interactions.
        listeners: [num_tracks] int64 distinct users.
        num_users: Users with any interaction.
    """

    listens: Counts
    listeners: Counts
    num_users: int

    @classmethod
    def of(cls, dataset: Dataset, as_of: int) -> "Popularity":
        """Count the interactions before `as_of` (UTC seconds)."""
        acts = dataset.interactions
        known = acts.known_before(as_of)
        num_tracks = len(dataset.catalogue)
        pairs = np.unique(
            acts.user_rows[known].astype(np.int64) * max(num_tracks, 1) + acts.track_rows[known]
        )
        return cls(
            np.bincount(acts.track_rows[known], minlength=num_tracks),
            np.bincount(pairs % max(num_tracks, 1), minlength=num_tracks),
            len(np.unique(acts.user_rows[known])),
        )

    @cached_property
    def is_cold(self) -> Bools:
        """[num_tracks] bool: nobody had heard the track."""
        return np.asarray(self.listens == 0)

    @cached_property
    def is_head(self) -> Bools:
        """[num_tracks] bool: one of the most heard tracks that together gather half of all listens."""
        order = np.argsort(-self.listens, kind="stable")
        gathered = np.cumsum(self.listens[order])
        is_head = np.zeros(len(self.listens), np.bool_)
        if len(gathered) and gathered[-1]:
            is_head[order[: np.searchsorted(gathered, HEAD_LISTEN_SHARE * gathered[-1]) + 1]] = True
        return is_head

    @cached_property
    def self_information(self) -> Doubles:
        """[num_tracks] float64 bits, -log2 of the share of users who know the track (Zhou et al. 2010).

        Shares are smoothed by one listener and one user, so that a track that nobody knows stays finite.
        """
        return np.asarray(-np.log2((self.listeners + 1) / (self.num_users + 1)))

    def shares_by_listeners(self, rows: Rows) -> Doubles:
        """Return how tracks spread over popularity.

        Args:
            rows: Tracks of any shape, -1 is left out.

        Returns:
            [num_bins] float64 shares that add up to 1 (zeros when there is no track): bin 0 holds tracks that
            nobody had heard, bin b those with 2^(b-1) up to 2^b - 1 listeners.
        """
        bins = np.ceil(np.log2(self.listeners + 1)).astype(np.int64)
        counts = np.bincount(bins[rows[rows >= 0]], minlength=int(bins.max(initial=0)) + 1)
        return np.asarray(counts / max(counts.sum(), 1))
