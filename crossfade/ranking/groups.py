"""Graded candidates in groups, as rankers learn from them, and which users are held out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import Rows

HELD_OUT_SHARE: Final = 0.2  # of the users, for early stopping
MIN_HELD_OUT_USERS: Final = 10  # with fewer, their NDCG is noise
NDCG_AT: Final = 30
GAINS: Final = (0, 1, 3)  # of grades 0, 1 and 2: 2 ** grade - 1, the usual


@dataclass(frozen=True)
class Groups:
    """Graded candidates, group after group, as `Ranker.fit` takes them.

    Args:
        features: [rows, num_features] float32.
        labels: [rows] int32 grades.
        group_sizes: [groups] int64; they sum to rows.
        user_rows: [groups] int32.
    """

    features: Floats
    labels: Rows
    group_sizes: Int64s
    user_rows: Rows

    @property
    def owners(self) -> Int64s:
        """[rows] int64: the group of each candidate."""
        return np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)

    def taught(self) -> "Groups":
        """Return the groups of which some candidate was wanted; the others teach nothing.

        Raises:
            TrainingError: There is none.
        """
        wanted = np.bincount(self.owners, self.labels > 0, len(self.group_sizes)) > 0
        if not wanted.any():
            raise TrainingError(
                f"The ranker needs candidates that their users went on to want, and found none among {len(self.labels)} "
                f"candidates of {len(self.group_sizes)} queries; lengthen split.validation_days or raise sources.candidates."
            )
        return self.where(wanted)

    def where(self, groups: npt.NDArray[np.bool_]) -> "Groups":
        """Return the groups selected by a [groups] bool mask."""
        rows = np.repeat(groups, self.group_sizes)
        return Groups(
            self.features[rows], self.labels[rows], self.group_sizes[groups], self.user_rows[groups]
        )

    def held_out(self, seed: int) -> npt.NDArray[np.bool_] | None:
        """Return [groups] bool: the groups of a fifth of the users, drawn by seed; None when those are too few to judge by."""
        users = np.unique(self.user_rows)
        num_held_out = int(len(users) * HELD_OUT_SHARE)
        if num_held_out < MIN_HELD_OUT_USERS:
            return None
        drawn = np.random.default_rng(seed).permutation(users)[:num_held_out]
        return np.isin(self.user_rows, drawn)

    def ndcg(self, scores: Floats) -> float:
        """Return the mean NDCG at 30 of the groups when ordered by scores [rows]."""
        order = np.lexsort((-scores, self.owners))
        best = np.lexsort((-self.labels, self.owners))
        gains = np.asarray(GAINS, np.float64)[self.labels]
        firsts = np.cumsum(self.group_sizes) - self.group_sizes
        places = np.arange(len(self.labels)) - np.repeat(firsts, self.group_sizes)
        discounts = np.where(places < NDCG_AT, 1 / np.log2(places + 2), 0)
        reached, possible = (
            np.bincount(self.owners, gains[rows] * discounts, len(self.group_sizes)) for rows in (order, best)
        )
        return float(np.mean(reached / np.maximum(possible, 1e-12)))
