"""Users through a ramp: who moves, how near shares come, and whether layers know of each other."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import chi2_contingency

from crossfade.experiments.assignment import Allocation

STEPS: Final = (0.01, 0.05, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Assigned:
    """What became of users.

    Args:
        moved_otherwise: Users who left a treatment as its share grew.
        furthest_share: Largest distance of a share from the planned one, in binomial standard errors.
        independence_p_value: Of a chi-squared test that two layers' halves are independent.
    """

    moved_otherwise: float
    furthest_share: float
    independence_p_value: float


def assigned(num_users: int) -> Assigned:
    """Take users through 1, 5, 25, 50 and 100 %, and through another layer."""
    users = [f"user-{number}" for number in range(num_users)]
    before, moved, furthest = np.zeros(num_users, np.int32), 0, 0.0
    halves = before
    for share in STEPS:
        now = Allocation("ramp", {"other": share}).shown(users)
        moved += int((now[before == 1] == 0).sum())
        error = np.sqrt(max(share * (1 - share), 1e-12) * num_users)
        furthest = max(furthest, float(abs((now == 1).sum() - share * num_users) / error))
        halves = now if share == 0.5 else halves
        before = now
    second = Allocation("another layer", {"other": 0.5}).shown(users)
    table = np.bincount(halves * 2 + second, minlength=4).reshape(2, 2)
    return Assigned(float(moved), furthest, float(chi2_contingency(table, correction=False).pvalue))
