"""Genre profiles of listeners: what share of their wanted listening each genre has."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Queries
from crossfade.retrieval.sparse import history_matrix, top_of_rows
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
        genres = genre_rows[liked.track_rows]
        counts = np.maximum((genres >= 0).sum(axis=1, keepdims=True), 1)
        weights = np.broadcast_to(liked.strengths[:, None] / counts, genres.shape)
        rows, mass = top_of_rows(history_matrix(liked, genres, weights, num_genres), GENRES_PER_PROFILE)
        shares = np.where(rows >= 0, mass, 0).astype(np.float64)
        return cls(rows, shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))
