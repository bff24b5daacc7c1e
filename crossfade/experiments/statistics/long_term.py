"""What an experiment of two weeks says of the months after: surrogates for the long term, and effects that wear off."""

from typing import NamedTuple, Self

import numpy as np

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Doubles, Moments
from crossfade.schema.errors import InputError


class SurrogateIndex(NamedTuple):
    """Predicts a long-term metric, such as coming back after 30 days, from what is seen at once (Athey et al. 2019).

    The effect on the prediction is the long-term effect if the treatment reaches the long term only through what the index
    reads, and if that still leads there as it did. Neither can be tested within the experiment, so `fit` tells how much of the
    long term its surrogates explain.

    Args:
        intercept: Of the linear regression.
        slopes: [num_surrogates] float64.
        explained: Share of the variance of the long-term metric that it explains in the past.
    """

    intercept: float
    slopes: Doubles
    explained: float

    @classmethod
    def fit(cls, surrogates: Doubles, outcome: Doubles) -> Self:
        """Learn from users of the past.

        Args:
            surrogates: [num_users, num_surrogates] float64, of two weeks.
            outcome: [num_users] float64, of the time after.

        Raises:
            InputError: There are not more users than surrogates and one.
        """
        users, width = surrogates.shape
        if users <= width + 1:
            raise InputError(
                f"A surrogate index of {width} surrogates needs more than {width + 1} users; got {users}."
            )
        design = np.column_stack([np.ones(users), surrogates])
        found, *_ = np.linalg.lstsq(design, outcome, rcond=None)
        left = ((outcome - design @ found) ** 2).sum()
        whole = ((outcome - outcome.mean()) ** 2).sum()
        explained = 1 - left / whole if whole > 0 else 0.0
        return cls(float(found[0]), np.asarray(found[1:], np.float64), float(explained))

    def predict(self, surrogates: Doubles) -> Doubles:
        """Return the expected long-term metric of users [num_users, num_surrogates]."""
        return np.asarray(self.intercept + surrogates @ self.slopes)

    def effect(self, treatment: Doubles, control: Doubles) -> Effect:
        """Return the expected long-term effect, from the surrogates of both arms [num_users, num_surrogates]."""
        return Effect.absolute(*(Moments.of(self.predict(arm)) for arm in (treatment, control)))


def trend(daily: Effect) -> Effect:
    """Return how much an effect grows from one day to the next: below 0 a novelty wears off, above 0 people learn.

    The days are those since a user was first exposed, not of the calendar, so that users who join late are new as well.

    Args:
        daily: [num_days] the effect on each day after first exposure, of days that are nearly independent.

    Returns:
        The slope of the weighted line through them.

    Raises:
        InputError: There are fewer than three days.
    """
    if len(daily.estimate) < 3:
        raise InputError(f"A trend needs the effects of at least 3 days; got {len(daily.estimate)}.")
    days, weights = np.arange(len(daily.estimate), dtype=np.float64), 1 / daily.variance
    centre = (weights * days).sum() / weights.sum()
    squares = (weights * (days - centre) ** 2).sum()
    slope = (weights * (days - centre) * daily.estimate).sum() / squares
    return Effect(np.asarray(slope), np.asarray(1 / squares))
