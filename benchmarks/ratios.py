"""How many times better: the ratio of two systems' means over the same users, with its interval."""

import numpy as np
import numpy.typing as npt

from crossfade.evaluation.bootstrap import Interval, resampled
from crossfade.schema.settings import Settings

Doubles = npt.NDArray[np.float64]


def ratio(ours: Doubles, theirs: Doubles, settings: Settings) -> Interval:
    """Return the ratio of the means of two columns [n], over the users who have both, with its bootstrap interval."""
    both = ~(np.isnan(ours) | np.isnan(theirs))
    pair = np.stack([ours[both], theirs[both]], axis=1)
    chosen = settings.evaluation
    drawn = np.concatenate(
        [weights @ pair for weights in resampled(len(pair), chosen.bootstrap_samples, settings.seed)]
    )
    edges = np.quantile(drawn[:, 0] / drawn[:, 1], [(1 - chosen.confidence) / 2, (1 + chosen.confidence) / 2])
    means = pair.mean(axis=0)
    return Interval(float(means[0] / means[1]), float(edges[0]), float(edges[1]))
