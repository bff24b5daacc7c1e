"""Benjamini and Hochberg's own example, and metrics that are not known."""

import numpy as np

from crossfade.experiments.statistics.multiple import adjusted_p_values

# Section 4 of Benjamini and Hochberg (1995): fifteen endpoints of a trial, of which four are rejected at 0.05.
PUBLISHED = np.array(
    [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
)  # fmt: skip


def test_the_published_example() -> None:
    found = adjusted_p_values(PUBLISHED)
    assert (found <= 0.05).sum() == 4
    # The sixth takes over from the seventh, 0.0298 * 15 / 7.
    np.testing.assert_allclose(
        found[:8], [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571, 0.0638571, 0.0645], atol=1e-6
    )


def test_order_does_not_matter_and_what_is_not_known_counts_for_nothing() -> None:
    mixed = np.random.default_rng(1).permutation(15)
    with_holes = np.insert(PUBLISHED[mixed], [3, 9], np.nan)
    found = adjusted_p_values(with_holes)
    assert np.isnan(found).sum() == 2
    np.testing.assert_allclose(found[~np.isnan(found)], adjusted_p_values(PUBLISHED)[mixed])
    assert adjusted_p_values(np.zeros(0)).shape == (0,)
