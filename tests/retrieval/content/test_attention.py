"""Attention is a softmax mean, its slope is right, and it learns which of two speakers tells the truth."""

import numpy as np
import scipy.optimize

from crossfade.retrieval.content.attention import _loss_and_slope, attended, learnt_coefficients
from crossfade.retrieval.content.pairs import Pairs

VECTORS = np.eye(3, dtype=np.float32)


def test_the_mean_is_weighed_by_the_softmax_of_signals() -> None:
    signals = np.zeros((3, 5), np.float32)
    signals[1, 2] = np.log(3)
    found = Pairs(np.array([0, 2, 2, 3]), np.array([0, 1, 2]), signals)
    result = attended(found, np.array([0, 0, 1.0, 0, 0]), VECTORS)
    # Weights 1/4 and 3/4, at length 1; nobody speaks for the second track.
    np.testing.assert_allclose(result, [[0.1**0.5, 0.9**0.5, 0], [0, 0, 0], [0, 0, 1]], atol=1e-6)


def _random() -> tuple[Pairs, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    offsets = np.array([0, 3, 3, 7, 12])
    signals = random.normal(size=(12, 5)).astype(np.float32)
    vectors = random.normal(size=(6, 4)).astype(np.float32)
    targets = random.normal(size=(4, 4))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    return Pairs(offsets, random.integers(0, 6, 12), signals), vectors, targets.astype(np.float32)


def test_the_slope_is_that_of_the_loss() -> None:
    case = _random()
    at = np.array([0.3, -0.2, 0.5, 0.1, -0.4])
    numeric = scipy.optimize.approx_fprime(at, lambda by: _loss_and_slope(by, *case)[0], 1e-5)
    np.testing.assert_allclose(_loss_and_slope(at, *case)[1], numeric, atol=1e-3)


def test_it_learns_to_listen_to_the_speaker_who_tells_the_truth() -> None:
    tracks = 50
    signals = np.zeros((2 * tracks, 5), np.float32)
    signals[::2, 0] = 1  # the likely one, always right
    found = Pairs(np.arange(0, 2 * tracks + 1, 2), np.tile([0, 1], tracks), signals)
    learnt = learnt_coefficients(found, VECTORS, np.tile(VECTORS[0], (tracks, 1)))
    assert learnt[0] > 2
    assert attended(found, learnt, VECTORS)[:, 0].min() > 0.98


def test_without_pairs_nothing_is_learnt() -> None:
    nobody = Pairs(np.zeros(3, np.int64), np.zeros(0, np.int64), np.zeros((0, 5), np.float32))
    np.testing.assert_array_equal(learnt_coefficients(nobody, VECTORS, VECTORS[:2]), np.zeros(5))
    assert not attended(nobody, np.ones(5), VECTORS).any()
