"""Contextual bandits over few arms, LinUCB and Thompson sampling behind one contract, with exact propensities.

Both keep a ridge regression of the reward for each arm (disjoint linear models, Li et al. 2010). LinUCB orders arms by an
upper bound of the expected reward and, for a share of orders, at random; Thompson sampling orders them by one draw each from
what is believed of the expected reward (Agrawal and Goyal 2013). Statistics are sums over feedback, each weighed by its age,
so feedback may come late and in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from crossfade.reranking.beliefs import CELLS, rank_probability
from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]

SECONDS_PER_DAY: Final = 86_400
SPREAD: Final = 5.0  # standard deviations on either side that the grid of draws covers
LEAST_WIDTH: Final = 1e-9  # of the grid, where nothing is uncertain


@dataclass(frozen=True)
class Feedback:
    """What n shown arms brought in.

    Args:
        contexts: [n, d] float64.
        arms: [n] int32 places among the names of the arms.
        rewards: [n] float64.
        seconds: [n] int64 UTC seconds at which they were shown.
    """

    contexts: Doubles
    arms: Rows
    rewards: Doubles
    seconds: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arms:
    """What is known of each arm: a ridge regression's sums.

    Args:
        names: m of them.
        gram: [m, d, d] float64, the ridge plus the weighed sum of context times context.
        rewards: [m, d] float64, the weighed sum of reward times context.
    """

    names: tuple[str, ...]
    gram: Doubles
    rewards: Doubles

    @classmethod
    def unknown(cls, names: Sequence[str], dim: int, ridge: float = 1.0) -> "Arms":
        """Return arms of which nothing is known.

        Args:
            names: Distinct.
            dim: Length of a context.
            ridge: Feedback that each coefficient's 0 counts as, above 0.
        """
        gram = np.broadcast_to(ridge * np.eye(dim), (len(names), dim, dim)).copy()
        return cls(tuple(names), gram, np.zeros((len(names), dim)))

    def learnt(self, feedback: Feedback, now: int, half_life_days: float) -> "Arms":
        """Return the arms with more feedback, each half as heavy so many days after it was shown; the ridge does not fade.

        Args:
            feedback: In any order.
            now: UTC seconds that ages count to.
            half_life_days: Above 0.
        """
        weights = 0.5 ** ((now - feedback.seconds) / (half_life_days * SECONDS_PER_DAY))
        gram, rewards = self.gram.copy(), self.rewards.copy()
        heavy = weights[:, None] * feedback.contexts
        np.add.at(gram, feedback.arms, heavy[:, :, None] * feedback.contexts[:, None, :])
        np.add.at(rewards, feedback.arms, heavy * feedback.rewards[:, None])
        return Arms(self.names, gram, rewards)

    def beliefs(self, context: Doubles, among: Rows) -> tuple[Doubles, Doubles]:
        """Return the expected reward of some arms [k] in a context [d], and its standard deviation at unit noise, [k] each."""
        solved = np.linalg.solve(
            self.gram[among], np.broadcast_to(context, (len(among), len(context)))[..., None]
        )
        spread = np.sqrt(np.maximum(solved[..., 0] @ context, 0))
        return np.einsum("kd,kd->k", solved[..., 0], self.rewards[among]), spread


class Bandit(Protocol):
    """Orders arms."""

    def order(self, arms: Arms, context: Doubles, among: Rows, key: str) -> tuple[Rows, Doubles]:
        """Order some of the arms.

        Args:
            arms: What is known.
            context: [d] float64.
            among: [k] int32 places of the arms that are there.
            key: Of the draws; equal keys draw alike, so that a repeated request gets the same order.

        Returns:
            The arms best first [k] int32, and [k] float64 the probability, over keys, of each to stand at its place.
        """
        ...


@dataclass(frozen=True)
class LinUcb:
    """Orders by expected reward plus its uncertainty.

    Args:
        alpha: Standard deviations that are added, from 0.
        explore: 0..1, share of orders that are drawn at random, so that every order has a chance.
    """

    alpha: float
    explore: float

    def order(self, arms: Arms, context: Doubles, among: Rows, key: str) -> tuple[Rows, Doubles]:
        """Order by the upper bound; see `Bandit`. Of equal bounds the earlier arm is first."""
        means, spreads = arms.beliefs(context, among)
        best = np.argsort(-(means + self.alpha * spreads), kind="stable")
        chosen = best
        if len(among) and _uniform(key, "explore") < self.explore:
            chosen = np.argsort([_uniform(key, arms.names[arm]) for arm in among], kind="stable")
        at_random = self.explore / max(len(among), 1)
        return among[chosen], at_random + (1 - self.explore) * (chosen == best)


@dataclass(frozen=True)
class Thompson:
    """Orders by one draw for each arm.

    Args:
        width: Standard deviation of a reward, above 0: what is believed of an expected one is so much wider than at unit noise.
    """

    width: float

    def order(self, arms: Arms, context: Doubles, among: Rows, key: str) -> tuple[Rows, Doubles]:
        """Order by draws from a grid of cells, over which probabilities are summed exactly; see `Bandit`."""
        if not len(among):
            return among, np.zeros(0)
        means, spreads = arms.beliefs(context, among)
        cumulative = _cumulative(means, self.width * spreads)
        uniforms = [_uniform(key, arms.names[arm]) for arm in among]
        cells = [
            min(int(np.searchsorted(row, u, "right")), CELLS - 1)
            for row, u in zip(cumulative, uniforms, strict=True)
        ]
        order = np.argsort(-np.array(cells), kind="stable")
        chances = [rank_probability(cumulative, arm, rank) for rank, arm in enumerate(order.tolist())]
        return among[order], np.array(chances)


def bandit_of(name: str, *, alpha: float, explore: float, width: float) -> Bandit:
    """Return a bandit by its name, "linucb" or "thompson".

    Raises:
        InputError: There is none of this name.
    """
    known: dict[str, Bandit] = {"linucb": LinUcb(alpha, explore), "thompson": Thompson(width)}
    if name not in known:
        raise InputError(f"Bandit {name!r} does not exist; choose one of: {', '.join(known)}.")
    return known[name]


def _cumulative(means: Doubles, deviations: Doubles) -> Doubles:
    """Return [k, CELLS] the cumulative probabilities of normal distributions over one grid of cells."""
    reach = SPREAD * np.maximum(deviations, LEAST_WIDTH)
    low, high = (means - reach).min(), (means + reach).max()
    edges = low + (high - low) * np.arange(1, CELLS + 1) / CELLS
    found = ndtr((edges - means[:, None]) / np.maximum(deviations, LEAST_WIDTH)[:, None])
    found[:, -1] = 1.0
    return np.asarray(found)


def _uniform(key: str, name: str) -> float:
    """Return a number in [0, 1) that depends on key and name only."""
    told = f"{key}\0{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big") / 2**64
