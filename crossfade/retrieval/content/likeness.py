"""How alike tracks are by what stands in the catalogue: genres and audio."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy.sparse

from crossfade.features.affinities import typicality
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats
from crossfade.retrieval.sparse import Matrix
from crossfade.schema.ids import Rows

# A single broken number must not outweigh everything else that is known of a track.
MOST_DEVIATIONS: Final = 5.0
# What a genre that every track has still weighs, in nats of rarity.
LEAST_RARITY: Final = 0.1


@dataclass(frozen=True)
class Likeness:
    """Content as vectors whose inner products are likenesses in -1 to 1, those of a track with itself 1.

    Genres, rare ones weighing more, and standardised audio have an equal say; where a track lacks one, the other
    speaks alone.

    Args:
        genres: Sparse [num_tracks, num_genres] float32.
        audio: [num_tracks, num_numbers] float32.
    """

    genres: Matrix
    audio: Floats

    @classmethod
    def of(cls, catalogue: Catalogue, rows: Rows, numbers: Floats) -> Self:
        """Scale genres, rare among the tracks in rows [m], and numbers [num_tracks, num_numbers] of `audio_numbers`."""
        genres, audio = _genres(catalogue, rows), _unit(numbers)
        both = np.sqrt(np.maximum(_lengths(genres) + (audio**2).sum(axis=1), 1.0)).astype(np.float32)
        return cls(scipy.sparse.diags(1 / both) @ genres, audio / both[:, None])

    def among(self, tracks: Rows, others: Rows) -> Floats:
        """Return [n, m] float32 likenesses of each of tracks [n] with each of others [m]."""
        by_genre = (self.genres[tracks] @ self.genres[others].T).toarray()
        return np.asarray(by_genre + self.audio[tracks] @ self.audio[others].T, np.float32)

    def between(self, tracks: Rows, others: Rows) -> Floats:
        """Return [p] float32 likenesses of pairs."""
        by_genre = np.asarray(self.genres[tracks].multiply(self.genres[others]).sum(axis=1)).ravel()
        by_audio = np.einsum("pf,pf->p", self.audio[tracks], self.audio[others])
        return np.asarray(by_genre + by_audio, np.float32)


def audio_numbers(catalogue: Catalogue, rows: Rows) -> Floats:
    """Return [num_tracks, num_numbers] float32 audio features and vectors, standardised, 0 where missing.

    Args:
        catalogue: All tracks.
        rows: [m] int32 tracks over which means and deviations are taken; what does not vary over them is left out.
    """
    vectors = catalogue.audio_vectors
    vectors = np.where(vectors.any(axis=1, keepdims=True), vectors, np.nan)
    values = np.hstack([catalogue.audio, vectors]).astype(np.float64)
    missing = np.isnan(values)
    present = np.maximum((~missing[rows]).sum(axis=0), 1)
    mean = np.where(missing, 0, values)[rows].sum(axis=0) / present
    centred = np.where(missing, 0, values - mean)
    deviation = np.sqrt((centred[rows] ** 2).sum(axis=0) / present)
    telling = deviation > 1e-9
    scaled = centred[:, telling] / deviation[telling]
    return np.asarray(np.clip(scaled, -MOST_DEVIATIONS, MOST_DEVIATIONS), np.float32)


def _genres(catalogue: Catalogue, rows: Rows) -> Matrix:
    of_tracks, width = catalogue.genre_rows, max(len(catalogue.genres), 1)
    tracks, places = np.nonzero(of_tracks >= 0)
    genres, known = of_tracks[tracks, places], of_tracks[rows]
    counts = np.bincount(known[known >= 0], minlength=width)
    rarity = np.log((len(rows) + 1) / (counts + 1)) + LEAST_RARITY
    weights = (rarity[genres] * typicality(of_tracks)[tracks, places]).astype(np.float32)
    matrix = scipy.sparse.csr_matrix((weights, (tracks, genres)), (len(catalogue), width))
    lengths = np.sqrt(np.maximum(_lengths(matrix), 1e-12)).astype(np.float32)
    return scipy.sparse.diags(1 / lengths) @ matrix


def _lengths(matrix: Matrix) -> Floats:
    """Return [n] squared lengths of rows."""
    return np.asarray(matrix.multiply(matrix).sum(axis=1), np.float32).ravel()


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
