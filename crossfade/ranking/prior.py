"""What rankers correct: reciprocal rank fusion of the sources (Cormack, Clarke and Büttcher 2009).

Where there is little to learn from, order falls back to what the sources agree on.
"""

from functools import cache
from typing import Final

import numba
import numpy as np

from crossfade.features.interactions import Floats, Int64s
from crossfade.schema.tasks import Task

# A rank r gives a prior of 1.5 x 60 / (60 + r): the constant of its authors, and a weight that leaves 20 to 40 trees to
# grow; weights of 1 to 2 are equally good on 30Music, 5 is too stubborn.
FUSION: Final = 60.0
PRIOR_WEIGHT: Final = 1.5


def fused_ranks(features: Floats, task: Task) -> Floats:
    """Return what each source's rank adds to the prior: [rows, num_sources] float32, 0 where it did not return the track.

    Args:
        features: [rows, num_features] float32 of the task.
        task: What is ranked for.
    """
    priors = PRIOR_WEIGHT * FUSION / (FUSION + features[:, rank_places(task)])
    return np.asarray(np.nan_to_num(priors), np.float32)


def prior_of(features: Floats, task: Task) -> Floats:
    """Return the prior [rows] float32, source by source: the sum of `fused_ranks` without holding them."""
    total = np.zeros(len(features), np.float32)
    _add_up(features, rank_places(task), total)
    return total


# Without asking whether it divides by 0, which no rank makes it do, it divides eight at a time.
@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_up(features, places, total):  # type: ignore[no-untyped-def]
    """Add to total [rows] what the rank at each of the places gives; NaN gives nothing."""
    most, fusion, nothing = np.float32(PRIOR_WEIGHT * FUSION), np.float32(FUSION), np.float32(0)
    for place in places:
        for row in range(len(total)):
            given = most / (fusion + features[row, place])
            total[row] += nothing if np.isnan(given) else given


@cache
def rank_places(task: Task) -> Int64s:
    """Return where the sources' ranks stand among the task's features, [num_sources] int64."""
    return np.array([task.features.index(f"{source}_rank") for source in task.sources], np.int64)
