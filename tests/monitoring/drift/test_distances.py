"""Distances of planted days, against their formulas."""

import numpy as np
import pytest

from monitoring.drift.distances import (
    PSI_SHARE,
    cohens_d,
    cohens_h,
    jensen_shannon,
    kolmogorov_smirnov,
    largest_h,
    log_ratio,
    loss,
    mean_discrepancy,
    stability_index,
    wasserstein,
)


def row(*numbers: float) -> np.ndarray:
    return np.array([numbers], float)


def test_equal_mixes_have_no_distance_whatever_their_size() -> None:
    for distance in (jensen_shannon, stability_index, kolmogorov_smirnov, wasserstein):
        assert distance(row(10, 30), row(100, 300)) == pytest.approx([0], abs=1e-12)


def test_mixes_that_share_nothing_are_as_far_apart_as_can_be() -> None:
    assert jensen_shannon(row(5, 0), row(0, 7)) == pytest.approx([1])
    assert kolmogorov_smirnov(row(5, 0), row(0, 7)) == pytest.approx([1])


def test_jensen_shannon_is_the_root_of_the_divergence_in_bits() -> None:
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4): (KL(p|m) + KL(q|m)) / 2
    p_m = 0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25)
    q_m = np.log2(1 / 0.75)
    assert jensen_shannon(row(3, 3), row(4, 0)) == pytest.approx([np.sqrt((p_m + q_m) / 2)])


def test_stability_index_floors_empty_bins() -> None:
    # sum (p - q) ln(p / q), an empty bin counts as 0.0001
    expected = (0.5 - 1) * np.log(0.5) + (0.5 - PSI_SHARE) * np.log(0.5 / PSI_SHARE)
    assert stability_index(row(1, 1), row(2, 0)) == pytest.approx([expected])


def test_numbers_move_by_bins() -> None:
    # Everything moved two bins up; half of it one bin.
    assert wasserstein(row(0, 0, 4), row(4, 0, 0)) == pytest.approx([2])
    assert wasserstein(row(1, 1, 0), row(2, 0, 0)) == pytest.approx([0.5])
    assert kolmogorov_smirnov(row(1, 1, 0), row(2, 0, 0)) == pytest.approx([0.5])


def test_rates_are_compared_by_their_arcsines() -> None:
    # h = |2 asin(sqrt(0.25)) - 2 asin(sqrt(0))| = pi / 3
    assert cohens_h(row(3, 1), row(9, 0)) == pytest.approx([np.pi / 3])


def test_of_categories_the_one_that_moved_most_counts() -> None:
    # Shares 0, 1/4 and 3/4 that were 0, 1/2 and 1/2, either way round: h = |2 asin(sqrt(1/4)) - 2 asin(sqrt(1/2))| = pi / 6
    assert largest_h(row(0, 1, 3), row(0, 5, 5)) == pytest.approx([np.pi / 6])
    assert largest_h(row(0, 5, 5), row(0, 1, 3)) == pytest.approx([np.pi / 6])
    assert np.isnan(largest_h(row(0, 0, 0), row(0, 5, 5))[0])


def test_volumes_by_their_ratio_losses_by_what_is_gone() -> None:
    assert log_ratio(row(9), row(19)) == pytest.approx([np.log(2)])
    assert loss(row(2, 1), row(4, 4)) == pytest.approx([0.5])  # from 1 to 0.5
    assert loss(row(2, 4), row(4, 4)) == pytest.approx([0])  # a rise is no loss
    assert np.isnan(loss(row(0, 0), row(4, 4))[0])


def test_levels_by_their_standard_deviations() -> None:
    # Means 2 and 5 of numbers with a variance of 1 each: |2 - 5| / sqrt((1 + 1) / 2)
    assert cohens_d(row(2, 4, 10), row(2, 10, 52)) == pytest.approx([3])
    assert np.isnan(cohens_d(row(2, 4, 10), row(0, 0, 0))[0])
    assert cohens_d(row(2, 4, 8), row(2, 2, 2))[0] > 1e6  # what never differs


def test_vectors_by_the_means_of_their_features() -> None:
    assert mean_discrepancy(row(2, 6, 8), row(1, 0, 0)) == pytest.approx([5])


def test_a_day_without_anything_has_no_distance() -> None:
    assert np.isnan(jensen_shannon(row(0, 0), row(1, 1))[0])
