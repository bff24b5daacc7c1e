"""Beta posteriors on a grid: draws from them, and the exact probability that one of them has a given rank.

A posterior is a distribution over `CELLS` equal cells of 0..1, with the Beta density at their middles as weights. Draws
are made from it, so sums over cells give the probabilities of what is drawn, not an estimate of them.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

CELLS: Final = 128  # far finer than a posterior of some hundred plays is wide
_MIDDLES = (np.arange(CELLS) + 0.5) / CELLS
_LOGS = np.log(_MIDDLES)
_LOGS_BESIDE = np.log(1.0 - _MIDDLES)


def cells_of(shapes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return [m, CELLS] the cumulative probabilities of Beta distributions of parameters [m, 2]."""
    cumulative = np.empty((len(shapes), CELLS))
    _tell_logs(shapes, cumulative)
    np.exp(cumulative, out=cumulative)  # many at once, which compiled code does one by one
    _accumulate(cumulative)
    return cumulative


@numba.njit(cache=True, nogil=True)
def order_of_draws(key, names, cumulative):  # type: ignore[no-untyped-def]
    """Draw once from each posterior and order them.

    Args:
        key: uint64 of the draws; equal keys draw alike.
        names: [m] int32 that tell the posteriors apart: a draw depends on key and name only.
        cumulative: [m, CELLS] of `cells_of`.

    Returns:
        [m] int64 posteriors by falling draw (the earlier of equals).
    """
    drawn = np.empty(len(names), np.int64)
    for i in range(len(names)):
        uniform, cell = _uniform(key, names[i]), 0
        while cell < CELLS - 1 and cumulative[i, cell] <= uniform:
            cell += 1
        drawn[i] = cell
    order = np.empty(len(names), np.int64)
    for i in range(len(names)):
        place = 0
        for j in range(len(names)):
            place += drawn[j] > drawn[i] or (drawn[j] == drawn[i] and j < i)
        order[place] = i
    return order


@numba.njit(cache=True, nogil=True)
def rank_probability(cumulative, winner, rank):  # type: ignore[no-untyped-def]
    """Return the probability that one posterior's draw has a rank, 0 for the highest.

    Given its cell, the others lie above it independently; how many do is Poisson binomial, summed one by one.

    Args:
        cumulative: [m, CELLS] of `cells_of`.
        winner: Which posterior.
        rank: From 0.
    """
    above, wins = np.zeros((rank + 1, CELLS)), np.empty(CELLS)
    above[0] = 1.0
    for other in range(len(cumulative)):
        if other == winner:
            continue
        # Of equal draws the earlier is first.
        wins[0] = 1.0 if other < winner else 1.0 - cumulative[other, 0]
        for cell in range(1, CELLS):
            wins[cell] = 1.0 - (cumulative[other, cell - 1] if other < winner else cumulative[other, cell])
        for number in range(rank, 0, -1):
            for cell in range(CELLS):
                lost, won = above[number, cell] * (1.0 - wins[cell]), above[number - 1, cell] * wins[cell]
                above[number, cell] = lost + won
        for cell in range(CELLS):
            above[0, cell] *= 1.0 - wins[cell]
    total, before = 0.0, 0.0
    for cell in range(CELLS):
        total += (cumulative[winner, cell] - before) * above[rank, cell]
        before = cumulative[winner, cell]
    return total


@numba.njit(cache=True, nogil=True)
def _tell_logs(shapes, logs):  # type: ignore[no-untyped-def]
    """Fill logs [m, CELLS] with those of Beta densities at the middles of cells, less the highest."""
    for i in range(len(shapes)):
        plus, minus, highest = shapes[i, 0] - 1.0, shapes[i, 1] - 1.0, -np.inf
        for cell in range(CELLS):
            logs[i, cell] = plus * _LOGS[cell] + minus * _LOGS_BESIDE[cell]
            highest = max(highest, logs[i, cell])
        for cell in range(CELLS):
            logs[i, cell] -= highest


@numba.njit(cache=True, nogil=True)
def _accumulate(weights):  # type: ignore[no-untyped-def]
    """Turn weights [m, CELLS] into cumulative probabilities."""
    for i in range(len(weights)):
        total = 0.0
        for cell in range(CELLS):
            total += weights[i, cell]
            weights[i, cell] = total
        for cell in range(CELLS):
            weights[i, cell] /= total


@numba.njit(cache=True, nogil=True)
def _uniform(key, name):  # type: ignore[no-untyped-def]
    """Return a number in [0, 1) that depends on key and name only (splitmix64, Steele, Lea and Flood 2014)."""
    mixed = np.uint64(key) + np.uint64(name + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return float(mixed >> np.uint64(11)) / 9007199254740992.0
