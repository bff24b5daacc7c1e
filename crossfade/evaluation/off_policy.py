"""What another policy would have earned, from what was logged under the present one, before any listener sees it.

Every logged choice has the probability with which it was made (its propensity). Choices that the judged policy makes more often
count for more, in the proportion of the two probabilities: inverse propensity scoring (Horvitz and Thompson 1952), the same
with weights that sum to one (SNIPS, Swaminathan and Joachims 2015), and doubly robust with a model of rewards (Dudík et al.
2011), which is right where either the propensities or the model are.

Nothing can be said of choices that were never made: where the judged policy makes them, estimates are refused.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]

# Of the judged policy's choices, so many may be ones that the log cannot hold; each hides its reward altogether.
MOST_UNSUPPORTED: Final = 0.01
# Weights as uneven as to leave fewer choices than this make normal intervals too narrow.
LEAST_EFFECTIVE: Final = 100.0


@dataclass(frozen=True)
class Estimate:
    """The judged policy's mean reward a choice.

    Args:
        value: Of the policy.
        low: End of the interval over users.
        high: Other end.
        effective_size: Logged choices that a log of the judged policy itself would need to say as much (Kish 1965).
    """

    value: float
    low: float
    high: float
    effective_size: float


@dataclass(frozen=True)
class LoggedChoices:
    """Choices as they were logged, with how probable the judged policy makes them.

    Args:
        user_rows: [n] int32; a user's choices are not independent, so errors are those of users.
        rewards: [n] float64, for example 1 for a play that was not skipped.
        propensities: [n] float64 probability of each choice when it was made, in (0, 1].
        judged: [n] float64 probability of the same choice under the judged policy, in [0, 1].
        unsupported: [n] float64 probability that the judged policy makes a choice there that was impossible then.
    """

    user_rows: Rows
    rewards: Doubles
    propensities: Doubles
    judged: Doubles
    unsupported: Doubles

    @property
    def weights(self) -> Doubles:
        """[n] float64: how much more often the judged policy makes each choice."""
        return self.judged / self.propensities

    def checked(self) -> Self:
        """Return the log if something can be said of the judged policy from it.

        Raises:
            InputError: A probability is none, the judged policy makes choices that were never made, or weights are so uneven
                that nearly nothing is left.
        """
        if not len(self.rewards):
            raise InputError(
                "An off-policy estimate needs logged choices; got none. Import exposures with propensities."
            )
        if not ((self.propensities > 0) & (self.propensities <= 1)).all():
            raise InputError(
                f"Propensities must be above 0 and at most 1; the log has {self.propensities.min()} to "
                f"{self.propensities.max()}."
            )
        missing = float(self.unsupported.mean())
        if missing > MOST_UNSUPPORTED:
            raise InputError(
                f"The judged policy makes {missing:.1%} of its choices where the log holds none of them (at most "
                f"{MOST_UNSUPPORTED:.0%} can be told of). Let exploration reach them first, or run an experiment."
            )
        effective = _effective_size(self.weights)
        if effective < LEAST_EFFECTIVE:
            raise InputError(
                f"The judged policy is too far from the logged one: {len(self.rewards)} choices say as much as {effective:.0f} "
                f"(at least {LEAST_EFFECTIVE:.0f} are needed). Log for longer, or judge a policy in between."
            )
        return self


def inverse_propensity(log: LoggedChoices, confidence: float = 0.95) -> Estimate:
    """Return the unbiased estimate; its error is large where weights are uneven. Errors as in `checked`."""
    values = log.checked().weights * log.rewards
    return _estimate(log, float(values.mean()), values - values.mean(), confidence)


def self_normalised(log: LoggedChoices, confidence: float = 0.95) -> Estimate:
    """Return SNIPS: hardly biased, of a smaller error, and never outside of the rewards. Errors as in `checked`."""
    weights = log.checked().weights
    value = float((weights * log.rewards).sum() / weights.sum())
    return _estimate(log, value, weights * (log.rewards - value) / weights.mean(), confidence)


def difference(log: LoggedChoices, confidence: float = 0.95) -> Estimate:
    """Return how much more a choice the judged policy earns than the logged one did (SNIPS minus the log's mean).

    Both are told from the same choices, so what they share cancels in the error, too. Errors as in `checked`.
    """
    weights, now = log.checked().weights, log.rewards.mean()
    then = float((weights * log.rewards).sum() / weights.sum())
    influence = weights * (log.rewards - then) / weights.mean() - (log.rewards - now)
    return _estimate(log, then - float(now), influence, confidence)


def doubly_robust(
    log: LoggedChoices, predicted: Doubles, expected: Doubles, confidence: float = 0.95
) -> Estimate:
    """Correct a model of rewards by what the log says of it. Errors as in `checked`.

    Args:
        log: Of the present policy.
        predicted: [n] float64 reward of each logged choice by a model that was not fitted on it.
        expected: [n] float64 mean of the model's rewards under the judged policy, at the same moments.
        confidence: Of the interval.
    """
    values = expected + log.checked().weights * (log.rewards - predicted)
    return _estimate(log, float(values.mean()), values - values.mean(), confidence)


def _effective_size(weights: Doubles) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _estimate(log: LoggedChoices, value: float, influence: Doubles, confidence: float) -> Estimate:
    """Return an estimate whose error is that of the sums of its influence over each user's choices."""
    _, users = np.unique(log.user_rows, return_inverse=True)
    of_users = np.bincount(users, influence)
    corrected = len(of_users) / max(len(of_users) - 1, 1)
    error = float(np.sqrt(corrected * (of_users**2).sum())) / len(influence)
    reach = float(norm.isf((1 - confidence) / 2)) * error
    return Estimate(value, value - reach, value + reach, _effective_size(log.weights))
