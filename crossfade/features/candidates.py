"""Candidates of a batch of queries: merged tracks with each source's own score and rank."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crossfade.schema.ids import Rows


@dataclass(frozen=True)
class Candidates:
    """Candidates for n queries, c each, padded with row -1 at the end.

    Args:
        rows: [n, c] int32 tracks, no track twice in a query, -1 padding last.
        scores: [n, c, num_sources] float32 in the order of the task's sources, NaN where the source did not return the track.
        ranks: [n, c, num_sources] float32, 0 is the source's best, NaN where it did not return the track.
    """

    rows: Rows
    scores: npt.NDArray[np.float32]
    ranks: npt.NDArray[np.float32]

    def of_first(self, num_sources: int) -> "Candidates":
        """Return the same tracks with what the first sources said; tracks of the others alone stay, without a say."""
        return Candidates(self.rows, self.scores[..., :num_sources], self.ranks[..., :num_sources])
