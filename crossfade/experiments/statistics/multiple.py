"""Several metrics at once: p-values adjusted so that few of the findings are false."""

import numpy as np

from crossfade.experiments.statistics.moments import Doubles


def adjusted_p_values(p_values: Doubles) -> Doubles:
    """Return p-values [n] adjusted by Benjamini and Hochberg (1995).

    Those of at most q have an expected share of false findings of at most q, where the tests are independent or rise and
    fall together. NaN stays NaN, and counts for nothing.
    """
    found = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found
