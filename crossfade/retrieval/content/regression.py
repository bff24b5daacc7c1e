"""Ridge regression from what can be measured of a track to its vector (Hoerl and Kennard 1970)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.retrieval.sparse import Matrix
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]

# Random cosines (Rahimi and Recht 2007) let the regression bend: 300 of them, slow enough to be smooth.
NUM_WAVES: Final = 300
WAVE_SCALE: Final = 0.15
WAVES_SEED: Final = 0
WORD_BUCKETS: Final = 2048


def ridge(features: Matrix | Floats, targets: Floats, penalty: float) -> Floats:
    """Return the [num_features, dim] float32 projection of least squared error plus penalty.

    Args:
        features: [n, num_features], dense or sparse.
        targets: [n, dim] float32.
        penalty: Of squared coefficients, in units of a feature's square summed over tracks.
    """
    square = features.T @ features
    dense = np.asarray(square.todense() if hasattr(square, "todense") else square, np.float64)
    dense[np.diag_indices_from(dense)] += penalty
    return np.asarray(np.linalg.solve(dense, np.asarray(features.T @ targets, np.float64)), np.float32)


def waves(numbers: Floats) -> Floats:
    """Return [n, num_numbers + 301] float32: numbers [n, num_numbers], their random cosines, and a constant."""
    random = np.random.default_rng(WAVES_SEED)
    turns = random.normal(0, WAVE_SCALE, (numbers.shape[1], NUM_WAVES))
    cosines = np.cos(numbers @ turns + random.uniform(0, 2 * np.pi, NUM_WAVES)) * np.sqrt(2)
    return np.hstack([numbers, cosines, np.ones((len(numbers), 1))]).astype(np.float32)


def word_features(tokens: Rows) -> Matrix:
    """Return sparse [n, 2048] float32 of length 1: the words [n, 16] of each track, by hashed bucket."""
    import scipy.sparse

    tracks, places = np.nonzero(tokens >= 0)
    counts = np.maximum((tokens >= 0).sum(axis=1), 1)
    values = (1 / np.sqrt(counts[tracks])).astype(np.float32)
    buckets = tokens[tracks, places] % WORD_BUCKETS
    return scipy.sparse.csr_matrix((values, (tracks, buckets)), (len(tokens), WORD_BUCKETS))
