"""What each query's history says of its user: counts that the ranking features and the stored ones are made of."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Int64s, Queries
from crossfade.features.lookups import NEVER
from crossfade.features.pairs import Pairs


@dataclass(frozen=True)
class UserStatistics:
    """Counts of n histories.

    Args:
        user_listens: [n] int64 positive interactions.
        user_plays: [n] int64 interactions of any kind.
        user_skips: [n] float64 summed strength of skips and dislikes.
        user_artists: [n] int64 distinct artists of positive interactions; all unknown artists are one.
        user_last_seconds: [n] int64 of the last interaction, `NEVER` without any.
    """

    user_listens: Int64s
    user_plays: Int64s
    user_skips: npt.NDArray[np.float64]
    user_artists: Int64s
    user_last_seconds: Int64s

    @classmethod
    def of(cls, queries: Queries, catalogue: Catalogue) -> "UserStatistics":
        """Count the histories of n queries."""
        liked, plays = queries.positives, np.diff(queries.offsets)
        artists = catalogue.artist_rows[liked.track_rows] + np.int32(1)
        distinct = Pairs.of(liked.owners, artists, len(catalogue.artists) + 1)
        return cls(
            np.diff(liked.offsets),
            plays,
            np.bincount(queries.owners, np.maximum(-queries.strengths, 0), len(queries)).astype(np.float64),
            np.bincount(distinct.owners, minlength=len(queries)),
            np.where(plays > 0, queries.last_seconds(1)[:, 0], NEVER),
        )
