"""P-values are those of all sign flips; ties, missing values and no difference are told right."""

from itertools import product

import numpy as np
import pytest

from crossfade.evaluation import permutation
from crossfade.evaluation.permutation import paired_p_values

DIFFERENCES = np.random.default_rng(1).normal(0.4, 1.0, 10)


def test_it_agrees_with_all_sign_flips() -> None:
    # All 2^10 sign vectors: the share whose |sum| is at least the observed one.
    flips = np.abs(np.array(list(product((-1, 1), repeat=10))) @ DIFFERENCES)
    exact = np.mean(flips >= abs(DIFFERENCES.sum()) - 1e-9)
    found = paired_p_values(DIFFERENCES[:, None], seed=3, permutations=20_000)
    assert found[0] == pytest.approx(exact, abs=0.01)


def test_no_difference_and_missing_values_are_no_evidence() -> None:
    none = np.full(10, np.nan)
    some = np.where(np.arange(10) < 3, np.nan, DIFFERENCES)
    found = paired_p_values(np.stack([np.zeros(10), none, some], axis=1), seed=3)
    assert found[:2].tolist() == [1.0, 1.0]
    assert found[2] == paired_p_values(np.where(np.isnan(some), 0.0, some)[:, None], seed=3)[0]


def test_a_clear_difference_has_the_smallest_p_value_in_either_direction() -> None:
    clear = np.full((100, 1), 0.1)
    assert paired_p_values(clear, seed=1)[0] == paired_p_values(-clear, seed=1)[0] == 1 / 2001


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = paired_p_values(DIFFERENCES[:, None], seed=3)[0]
    monkeypatch.setattr(permutation, "SIGNS_AT_ONCE", 70)
    assert paired_p_values(DIFFERENCES[:, None], seed=3)[0] == pytest.approx(whole, abs=0.05)
