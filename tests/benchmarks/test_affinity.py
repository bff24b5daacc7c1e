"""Peers are judged at our novelty: lists are pulled, and what lies between is on a straight line."""

import numpy as np
import pytest

from benchmarks.affinity import Loved, at_novelty, pulled


def test_a_weight_on_novelty_reorders_a_list() -> None:
    rows = np.array([[3, 1, 2, -1]], np.int32)
    bits = np.array([9.0, 1.0, 5.0, 2.0])
    assert pulled(rows, bits, 0.0, 3).tolist() == [[3, 1, 2]]
    # Relevance 1, 2/3, 1/3; novelty 0.25, 0, 1: at 0.6 the gains are 0.55, 0.27, 0.73.
    assert pulled(rows, bits, 0.6, 3).tolist() == [[2, 3, 1]]
    # At -0.6: 0.25, 0.27, -0.47.
    assert pulled(rows, bits, -0.6, 3).tolist() == [[1, 3, 2]]
    assert pulled(rows, bits, 0.0, 4).tolist() == [[3, 1, 2, -1]]
    assert pulled(np.full((1, 2), -1, np.int32), bits, 0.5, 2).tolist() == [[-1, -1]]


def test_affinity_at_a_novelty_is_read_off_a_line() -> None:
    curve = [
        Loved(4.0, np.array([0.2, 0.6])),
        Loved(2.0, np.array([0.8, 0.8])),
        Loved(6.0, np.array([0.0, 0.0])),
    ]
    # Three quarters from 2 bits to 4.
    assert at_novelty(curve, 3.5) == pytest.approx([0.35, 0.65])
    assert at_novelty(curve, 1.0) == pytest.approx([0.8, 0.8])
    assert at_novelty(curve, 9.0) == pytest.approx([0.0, 0.0])
