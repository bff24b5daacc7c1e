"""Genre profiles of listeners: what share of their wanted listening each genre has."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Queries
from crossfade.schema.ids import Rows

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
    def of(cls, queries: Queries, genre_rows: Rows, num_genres: int) -> "GenreProfiles":
        """Measure profiles from the positive history; a track's strength is shared evenly by its genres.

        Args:
            queries: n histories.
            genre_rows: [num_tracks, g] int32 genres of tracks, padded with -1.
            num_genres: Genre rows are below it.
        """
        return cls(*_profiles(queries.offsets, queries.track_rows, queries.strengths, genre_rows, num_genres))


@numba.njit(cache=True, nogil=True)
def _profiles(offsets, track_rows, strengths, genre_rows, num_genres):  # type: ignore[no-untyped-def]  # numba infers
    n = len(offsets) - 1
    found = np.full((n, GENRES_PER_PROFILE), -1, np.int32)
    shares = np.zeros((n, GENRES_PER_PROFILE), np.float64)
    mass = np.zeros(num_genres, np.float64)
    touched = np.empty(num_genres, np.int32)
    for query in range(n):
        num_touched = 0
        for entry in range(offsets[query], offsets[query + 1]):
            if strengths[entry] <= 0:
                continue
            genres = genre_rows[track_rows[entry]]
            num_genres_here = np.sum(genres >= 0)
            for genre in genres:
                if genre >= 0:
                    if mass[genre] == 0:
                        touched[num_touched] = genre
                        num_touched += 1
                    mass[genre] += strengths[entry] / num_genres_here
        genres_sorted = np.sort(touched[:num_touched])
        order = np.argsort(-mass[genres_sorted], kind="mergesort")[:GENRES_PER_PROFILE]
        strongest = genres_sorted[order]
        total = mass[strongest].sum()
        for place in range(len(strongest)):
            found[query, place] = strongest[place]
            shares[query, place] = mass[strongest[place]] / total
        mass[genres_sorted] = 0
    return found, shares
