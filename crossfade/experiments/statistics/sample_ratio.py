"""Sample ratio mismatch: whether the arms have the users that they were allocated, and if not, where it comes from.

An experiment whose shares are off by more than chance has lost users of one arm (a crash, a bot filter, a redirect), and
whatever it says of metrics may come from that (Fabijan et al. 2019).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import chi2

from crossfade.experiments.statistics.moments import Doubles
from crossfade.experiments.statistics.multiple import adjusted_p_values
from crossfade.schema.errors import InputError

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mismatch:
    """How surely a dimension's value has other shares than allocated.

    Args:
        dimension: For example "country".
        value: For example "DE".
        counts: Users of each arm.
        p_value: Adjusted for all values that were looked at.
    """

    dimension: str
    value: str
    counts: tuple[int, ...]
    p_value: float


def p_value(counts: Int64s, allocation: Doubles) -> Doubles:
    """Return the p-value of Pearson's chi-squared test that users were assigned as allocated; for one look.

    Args:
        counts: [..., num_arms] int64 users.
        allocation: [num_arms] float64 shares of the arms, all above 0.

    Returns:
        [...] float64; 1 where there is nobody.

    Raises:
        InputError: A share is not above 0, or there is another number of arms.
    """
    _require_allocation(counts, allocation)
    expected = counts.sum(axis=-1, keepdims=True) * (allocation / allocation.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(expected > 0, (counts - expected) ** 2 / expected, 0.0).sum(axis=-1)
    return np.asarray(chi2.sf(distances, counts.shape[-1] - 1))


def always_valid_p_value(counts: Int64s, allocation: Doubles, *, prior_users: float = 100.0) -> Doubles:
    """Return p-values that may be looked at every day: one over a Bayes factor (Lindon and Malek 2022).

    Users come from a multinomial with the allocated shares, or from any other one, spread about them by a Dirichlet prior.

    Args:
        counts: [..., num_looks, num_arms] int64 users so far.
        allocation: [num_arms] float64 shares.
        prior_users: Weight of the prior, the larger the nearer other shares are to the allocated ones.

    Returns:
        [..., num_looks] float64, never rising.

    Raises:
        InputError: A share is not above 0, or there is another number of arms.
    """
    _require_allocation(counts, allocation)
    shares = allocation / allocation.sum()
    prior = prior_users * shares
    total = counts.sum(axis=-1)
    mixture = gammaln(prior_users) - gammaln(total + prior_users)
    mixture = mixture + (gammaln(counts + prior) - gammaln(prior)).sum(axis=-1)
    log_factor = mixture - (counts * np.log(shares)).sum(axis=-1)
    return np.minimum.accumulate(np.minimum(np.exp(-log_factor), 1.0), axis=-1)


def sources(
    counts: Mapping[str, Mapping[str, Int64s]], allocation: Doubles, *, alpha: float = 0.01
) -> list[Mismatch]:
    """Return where a mismatch comes from: values whose users are split otherwise than allocated, the surest first.

    Args:
        counts: Dimension ("day", "country", "client") -> value -> [num_arms] int64 users.
        allocation: [num_arms] float64 shares.
        alpha: The expected share of false findings among the findings.
    """
    told = [(dimension, value, users) for dimension, by in counts.items() for value, users in by.items()]
    if not told:
        return []
    adjusted = adjusted_p_values(p_value(np.stack([users for _, _, users in told]), allocation))
    found = [
        Mismatch(dimension, value, tuple(int(count) for count in users), float(chance))
        for (dimension, value, users), chance in zip(told, adjusted, strict=True)
        if chance <= alpha
    ]
    return sorted(found, key=lambda mismatch: mismatch.p_value)


def _require_allocation(counts: Int64s, allocation: Doubles) -> None:
    if len(allocation) != counts.shape[-1] or not (allocation > 0).all():
        raise InputError(
            f"A sample ratio needs a share above 0 for each of the {counts.shape[-1]} arms; got {allocation.tolist()}."
        )
