"""Fisher's randomisation test for paired systems, as Smucker et al. (2007) advise for retrieval."""

from typing import Final

import numpy as np

from crossfade.evaluation.popularity import Doubles

PERMUTATIONS: Final = 2000
SIGNS_AT_ONCE: Final = 4_000_000  # signs held at a time; bounds memory


def paired_p_values(differences: Doubles, seed: int, permutations: int = PERMUTATIONS) -> Doubles:
    """Return how likely a mean difference as far from 0 is where the two systems may be swapped at every user.

    Args:
        differences: [num_users, num_metrics] float64 of two systems' metrics, not finite where one has none.
        seed: Of the random swaps; they are the same for every metric.
        permutations: Random swaps; no p-value is below 1 / (permutations + 1).

    Returns:
        [num_metrics] float64 two-sided p-values; 1 where there is no user or no difference.
    """
    values = np.where(np.isfinite(differences), differences, 0.0)
    observed = np.abs(values.sum(axis=0))
    rng = np.random.default_rng([seed, len(values)])
    at_once = max(1, SIGNS_AT_ONCE // max(len(values), 1))
    as_far = np.zeros(values.shape[1], np.int64)
    slack = 1e-9 * np.maximum(np.abs(values).sum(axis=0), 1e-300)  # sums in another order differ by rounding
    for first in range(0, permutations, at_once):
        block = min(at_once, permutations - first)
        signs = rng.integers(0, 2, (block, len(values)), np.int8) * 2.0 - 1
        as_far += (np.abs(signs @ values) >= observed - slack).sum(axis=0)
    return np.asarray((as_far + 1) / (permutations + 1))
