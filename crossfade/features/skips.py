"""How much a skip says, once what made it likely anyway is taken out.

A skip counts in inverse proportion to how likely its place in the session made it (inverse propensity weighting, Horvitz
and Thompson 1952), and less the more its listener had wanted that track before: then it is the moment, not the track.
How likely places make skips is learnt from listeners who both played and skipped one and the same track, so that what
stands first in sessions is not blamed on the place (conditional logit, Chamberlain 1980; here by penalised effects).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Int64s, Interactions
from crossfade.features.statistics import LISTEN_STRENGTH

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LAST_PLACE: Final = 10  # later places are like this one
# Listens of average surprise that draw a place's effect to none, and a pair's effect to that of all pairs.
PRIOR_OF_PLACE: Final = 50.0
PRIOR_OF_PAIR: Final = 0.3
SWEEPS: Final = 30  # effects move by less than 0.01 in the last
MOST_WEIGHT: Final = 3.0


@dataclass(frozen=True)
class SkipHabits:
    """How likely listeners skip at each place of a session, track and listener being equal.

    Args:
        expected: [11] float64 probability at places 0 to 10 and later; all alike where there is nothing to compare.
        usual: The probability over all listens.
    """

    expected: Doubles
    usual: float

    @classmethod
    def of(cls, acts: Interactions) -> "SkipHabits":
        """Learn from interactions, sorted by user, then time; callers cut them to what may be known."""
        places, skipped = places_in_sessions(acts), _is_skip(acts)
        listens = np.abs(acts.strengths) <= LISTEN_STRENGTH
        usual = float(skipped[listens].mean()) if listens.any() else 0.0
        _, pairs = np.unique(_pair_keys(acts), return_inverse=True)
        num_skips = np.bincount(pairs[listens], skipped[listens], pairs.max(initial=-1) + 1)
        num_listens = np.bincount(pairs[listens], minlength=len(num_skips))
        mixed = listens & ((num_skips > 0) & (num_skips < num_listens))[pairs]
        if not mixed.any():
            return cls(np.full(LAST_PLACE + 1, usual), usual)
        effects = _place_effects(places[mixed], pairs[mixed], skipped[mixed])
        odds = usual / (1 - usual) * np.exp(effects)
        expected = odds / (1 + odds)
        return cls(expected * usual / expected[places[listens]].mean(), usual)

    def corrected(self, acts: Interactions) -> Interactions:
        """Return the same interactions with skips that count as much as they say; all else is as it was.

        A skip's strength is multiplied by usual / expected at its place (at most 3), and divided by one more than the
        strengths of what its listener had played or saved of the track before; dislikes stay.
        """
        places, skipped = places_in_sessions(acts), _is_skip(acts)
        known = np.maximum(self.expected, self.usual / MOST_WEIGHT)
        ratios = np.divide(self.usual, known, out=np.ones_like(known), where=known > 0)
        weights = ratios[places] / (1 + wanted_before(acts))
        strengths = np.where(skipped, np.maximum(acts.strengths * weights, -LISTEN_STRENGTH), acts.strengths)
        return replace(acts, strengths=strengths.astype(np.float32))


def places_in_sessions(acts: Interactions) -> Int64s:
    """Return [n] int64 the place of each interaction in its session, from 0 to `LAST_PLACE`."""
    entries = np.arange(len(acts))
    starts = np.ones(len(acts), np.bool_)
    starts[1:] = (acts.sessions[1:] != acts.sessions[:-1]) | (acts.user_rows[1:] != acts.user_rows[:-1])
    return np.minimum(entries - np.maximum.accumulate(np.where(starts, entries, 0)), LAST_PLACE)


def wanted_before(acts: Interactions) -> Doubles:
    """Return [n] float64 the positive strengths that the user had given to the same track before each interaction."""
    keys = _pair_keys(acts)
    order = np.argsort(keys, kind="stable")  # time rises within a user, so it rises within a pair
    gained = np.maximum(acts.strengths[order], 0).astype(np.float64)
    before = np.cumsum(gained) - gained
    starts = np.ones(len(acts), np.bool_)
    starts[1:] = keys[order][1:] != keys[order][:-1]
    found = np.empty(len(acts))
    found[order] = before - np.maximum.accumulate(np.where(starts, before, 0.0))
    return found


def _is_skip(acts: Interactions) -> Bools:
    """[n] bool: skips; what is below them is a dislike."""
    return np.asarray((acts.strengths < 0) & (acts.strengths >= -LISTEN_STRENGTH))


def _pair_keys(acts: Interactions) -> Int64s:
    return acts.user_rows.astype(np.int64) << 32 | acts.track_rows.astype(np.int64)


def _place_effects(places: Int64s, pairs: Int64s, skipped: Bools) -> Doubles:
    """Return [11] float64 effects on the log odds of a skip, by Newton steps for places and pairs in turn."""
    _, pairs = np.unique(pairs, return_inverse=True)
    usual = float(skipped.mean())
    codes = ((places, LAST_PLACE + 1, PRIOR_OF_PLACE), (pairs, int(pairs.max()) + 1, PRIOR_OF_PAIR))
    effects = [np.zeros(width) for _, width, _ in codes]
    logits = np.full(len(places), np.log(usual / (1 - usual)))
    for _ in range(SWEEPS):
        for effect, (code, width, prior) in zip(effects, codes, strict=True):
            likely = 1 / (1 + np.exp(-logits))
            penalty = prior * usual * (1 - usual)
            slopes = np.bincount(code, skipped - likely, width) - penalty * effect
            steps = slopes / (np.bincount(code, likely * (1 - likely), width) + penalty)
            effect += steps
            logits += steps[code]
    return effects[0]
