"""What each query's history says of its user: counts that the ranking features and the stored ones are made of."""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Int64s, Queries
from crossfade.features.lookups import NEVER


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
        listens, artists = np.zeros(len(queries), np.int64), np.zeros(len(queries), np.int64)
        skips, last = np.zeros(len(queries)), np.full(len(queries), NEVER, np.int64)
        histories = (queries.offsets, queries.track_rows, queries.seconds, queries.strengths)
        is_known = np.zeros(len(catalogue.artists) + 1, np.bool_)
        _count(histories, (catalogue.artist_rows, is_known), (listens, skips, artists, last))
        return cls(listens, np.diff(queries.offsets), skips, artists, last)


@numba.njit(cache=True, nogil=True)
def _count(histories, artists, counts):  # type: ignore[no-untyped-def]
    """Fill counts [n] of listens, skips, artists and last seconds; `is_known` of an artist, or of none, is false before."""
    (offsets, tracks, seconds, strengths), (artist_rows, is_known) = histories, artists
    listens, skips, distinct, last = counts
    for query in range(len(offsets) - 1):
        for entry in range(offsets[query], offsets[query + 1]):
            skips[query] += max(-strengths[entry], np.float32(0))
            if strengths[entry] > 0:
                listens[query] += 1
                artist = artist_rows[tracks[entry]] + 1
                distinct[query] += not is_known[artist]
                is_known[artist] = True
            last[query] = seconds[entry]
        for entry in range(offsets[query], offsets[query + 1]):
            is_known[artist_rows[tracks[entry]] + 1] = False
