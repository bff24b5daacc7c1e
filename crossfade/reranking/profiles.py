"""Genre profiles of listeners: what share of their wanted listening each genre has."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Queries
from crossfade.retrieval.sparse import top_of_rows
from crossfade.retrieval.sparse_rows import SparseRows, cleared
from crossfade.schema.ids import NO_ROW, Rows

# Genres beyond a listener's 32 strongest hardly steer a slate of 30; the bound keeps the cost flat.
GENRES_PER_PROFILE: Final = 32


@dataclass(frozen=True)
class GenreProfiles:
    """Genre shares of n listeners, strongest first.

    Args:
        genre_rows: [n, 32] int32, padded with -1.
        shares: [n, 32] float64, sum to 1 for a listener with any genre, 0 where padded.
    """

    genre_rows: Rows
    shares: npt.NDArray[np.float64]

    @classmethod
    def none(cls, num_queries: int) -> "GenreProfiles":
        """Return profiles without genres, for slates that are not calibrated."""
        return cls(np.full((num_queries, 1), NO_ROW, np.int32), np.zeros((num_queries, 1)))

    @classmethod
    def of(cls, queries: Queries, genre_rows: Rows, num_genres: int) -> "GenreProfiles":
        """Measure profiles from the positive history; a track's strength is shared evenly by its genres.

        Args:
            queries: n histories.
            genre_rows: [num_tracks, g] int32 genres of tracks, padded with -1.
            num_genres: Genre rows are below it.
        """
        liked = queries.positives
        most = len(liked.track_rows) * genre_rows.shape[1]
        found = np.empty(most, np.int32), np.empty(most, np.float32)
        histories = (liked.offsets, liked.track_rows, liked.strengths)
        offsets = _sum_genres(histories, genre_rows, found, cleared(num_genres))
        sums = SparseRows(offsets, found[0][: offsets[-1]], found[1][: offsets[-1]], num_genres)
        rows, mass = top_of_rows(sums, GENRES_PER_PROFILE)
        shares = np.where(rows >= 0, mass, 0).astype(np.float64)
        return cls(rows, shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))


@numba.njit(cache=True, nogil=True)
def _sum_genres(histories, genre_rows, found, places):  # type: ignore[no-untyped-def]
    """Fill found (genres, sums) of histories (offsets, tracks, strengths); places [num_genres] as in `sparse_rows`."""
    (offsets, tracks, strengths), (genres, sums) = histories, found
    new_offsets, count = np.zeros(len(offsets), np.int64), 0
    for query in range(len(offsets) - 1):
        first = count
        for entry in range(offsets[query], offsets[query + 1]):
            of_track, named = genre_rows[tracks[entry]], 0
            for genre in of_track:
                named += genre >= 0
            part = np.float32(np.float64(strengths[entry]) / max(named, 1))
            for genre in of_track:
                if genre < 0:
                    continue
                if places[genre] == 0:
                    genres[count], sums[count] = genre, 0.0
                    count += 1
                    places[genre] = count
                sums[places[genre] - 1] += part
        for place in range(first, count):
            places[genres[place]] = 0
        new_offsets[query + 1] = count
    return new_offsets
