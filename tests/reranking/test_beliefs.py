"""Draws follow their posteriors, and the stated probabilities are those of the draws."""

import numpy as np
import scipy.stats

from crossfade.reranking.beliefs import CELLS, cells_of, order_of_draws, rank_probability

SHAPES = np.array([[8.0, 2.0], [6.0, 4.0], [1.0, 1.0], [3.0, 9.0]])
NAMES = np.arange(len(SHAPES), dtype=np.int32)


def test_cells_hold_what_the_beta_distribution_holds() -> None:
    cumulative = cells_of(SHAPES)
    edges = np.arange(1, CELLS + 1) / CELLS
    for shape, found in zip(SHAPES, cumulative, strict=True):
        np.testing.assert_allclose(found, scipy.stats.beta(*shape).cdf(edges), atol=2e-4)


def test_probabilities_of_ranks_are_the_frequencies_of_the_draws() -> None:
    draws = 20_000
    frequencies, cumulative = np.zeros((len(SHAPES), len(SHAPES))), cells_of(SHAPES)
    for key in range(draws):
        order = order_of_draws(np.uint64(key), NAMES, cumulative)
        frequencies[order, np.arange(len(SHAPES))] += 1 / draws
    told = np.array([[rank_probability(cumulative, i, rank) for rank in range(4)] for i in range(4)])
    # Four standard errors of a share of one half.
    np.testing.assert_allclose(told, frequencies, atol=4 * 0.5 / np.sqrt(draws))
    np.testing.assert_allclose(told.sum(axis=0), 1)
    np.testing.assert_allclose(told.sum(axis=1), 1)


def test_two_equal_posteriors_share_and_ties_go_to_the_earlier() -> None:
    cumulative = cells_of(np.array([[5.0, 5.0], [5.0, 5.0]]))
    masses = np.diff(cumulative[0], prepend=0)
    # P(first wins) = (1 - P(equal)) / 2 + P(equal).
    assert np.isclose(rank_probability(cumulative, 0, 0), (1 + (masses**2).sum()) / 2)


def test_a_draw_depends_on_key_and_name_only() -> None:
    cells = cells_of(SHAPES)
    order = order_of_draws(np.uint64(9), NAMES, cells)
    assert order_of_draws(np.uint64(9), NAMES, cells).tolist() == order.tolist()
    turned = order_of_draws(np.uint64(9), NAMES[::-1].copy(), cells[::-1].copy())
    assert (3 - turned).tolist() == order.tolist()
