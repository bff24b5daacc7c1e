"""Ridge regression against its normal equations, and features that stay the same."""

import numpy as np
import scipy.sparse

from crossfade.retrieval.content.regression import ridge, waves, word_features


def test_the_projection_solves_the_normal_equations_dense_or_sparse() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(50, 4)).astype(np.float32)
    targets = random.normal(size=(50, 3)).astype(np.float32)
    expected = np.linalg.solve(features.T @ features + 2 * np.eye(4), features.T @ targets)
    np.testing.assert_allclose(ridge(features, targets, 2.0), expected, atol=1e-5)
    np.testing.assert_allclose(ridge(scipy.sparse.csr_matrix(features), targets, 2.0), expected, atol=1e-5)


def test_a_projection_of_waves_bends() -> None:
    numbers = np.linspace(-2, 2, 200, dtype=np.float32)[:, None] * 5
    bent = np.cos(numbers / 2)
    features = waves(numbers)
    assert features.shape == (200, 302)
    np.testing.assert_allclose(features @ ridge(features, bent, 1e-3), bent, atol=0.1)
    np.testing.assert_array_equal(waves(numbers[:5]), features[:5])


def test_words_are_of_length_one() -> None:
    tokens = np.array([[3, 5, -1], [2051, -1, -1], [-1, -1, -1]], np.int32)
    features = word_features(tokens).toarray()
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), [1, 1, 0], atol=1e-6)
    assert np.flatnonzero(features[0]).tolist() == [3, 5]
    assert np.flatnonzero(features[1]).tolist() == [3]  # 2051 modulo 2048
