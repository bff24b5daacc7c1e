"""Attention over known tracks: a track is taken for the weighted mean of those that speak for it."""

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.sparse

from crossfade.features.interactions import Floats
from crossfade.retrieval.content.pairs import SIGNALS, Pairs
from crossfade.retrieval.sparse import Matrix

Doubles = npt.NDArray[np.float64]

# Pulls coefficients to 0, the plain mean, where the tracks at hand say little.
PENALTY: Final = 1e-3
MOST_STEPS: Final = 50


def attended(pairs: Pairs, coefficients: Doubles, vectors: Floats) -> Floats:
    """Return [n, dim] float32 of length 1, zeros where nobody speaks for a track.

    Args:
        pairs: Of n tracks.
        coefficients: [5] of the pairs' signals; the softmax of their product is the weight of a pair.
        vectors: [m, dim] float32 of the known tracks.
    """
    return unit(_weights(pairs, coefficients, len(vectors)) @ vectors)


def learnt_coefficients(pairs: Pairs, vectors: Floats, targets: Floats) -> Doubles:
    """Return the [5] coefficients that bring what is attended nearest to targets [n, dim], by mean cosine."""
    found = scipy.optimize.minimize(
        _loss_and_slope,
        np.zeros(len(SIGNALS)),
        (pairs, vectors, targets),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS},
    )
    return np.asarray(found.x)


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Return rows [n, dim] at length 1, zeros as they are."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def _loss_and_slope(
    coefficients: Doubles, pairs: Pairs, vectors: Floats, targets: Floats
) -> tuple[float, Doubles]:
    weights = _weights(pairs, coefficients, len(vectors))
    means = np.asarray(weights @ vectors, np.float64)
    lengths = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    cosines = (means / lengths * targets).sum(axis=1)
    # The slope of a cosine by the mean, and by each pair's logit through the softmax.
    pull = (targets - cosines[:, None] * means / lengths) / lengths
    owners = np.repeat(np.arange(len(targets)), np.diff(pairs.offsets))
    gains = np.einsum("pd,pd->p", pull[owners], vectors[pairs.places])
    by_logit = weights.data * (gains - (pull * means).sum(axis=1)[owners])
    loss = PENALTY * coefficients @ coefficients - cosines.mean()
    return float(loss), 2 * PENALTY * coefficients - by_logit @ pairs.signals / len(targets)


def _weights(pairs: Pairs, coefficients: Doubles, num_known: int) -> Matrix:
    """Return the softmax over each track's pairs as sparse [n, num_known]."""
    counts = np.diff(pairs.offsets)
    owners, logits = np.repeat(np.arange(len(counts)), counts), pairs.signals @ coefficients
    highest, spoken = np.zeros(len(counts)), counts > 0
    if spoken.any():
        highest[spoken] = np.maximum.reduceat(logits, pairs.offsets[:-1][spoken])
    exponents = np.exp(logits - highest[owners])
    shares = exponents / np.bincount(owners, exponents, len(counts))[owners]
    return scipy.sparse.csr_matrix((shares, pairs.places, pairs.offsets), (len(counts), num_known))
