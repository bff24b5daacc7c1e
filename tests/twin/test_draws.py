"""Draws follow their weights and do not repeat where they must not."""

import numpy as np

from crossfade.twin.draws import (
    draw,
    draw_cumulative,
    draw_shares,
    draw_without_replacement,
    places_within,
    ranks_within,
)

WEIGHTS = np.array([0.5, 0.0, 0.2, 0.3], np.float32)
with np.errstate(divide="ignore"):
    LOG_WEIGHTS = np.tile(np.log(WEIGHTS), (20_000, 1))


def _shares(places: np.ndarray) -> np.ndarray:
    return np.bincount(places, minlength=4) / len(places)


def test_draws_follow_the_weights() -> None:
    rng = np.random.default_rng(1)
    cumulative = np.tile(np.cumsum(WEIGHTS), (5, 1))
    rows, uniforms = rng.integers(5, size=20_000), rng.random(20_000, dtype=np.float32)
    # The standard error of a share of 20,000 draws is at most 0.0036.
    assert np.allclose(_shares(draw(rng, LOG_WEIGHTS)), WEIGHTS, atol=0.015)
    assert np.allclose(_shares(draw_shares(rng, WEIGHTS, 20_000)), WEIGHTS, atol=0.015)
    assert np.allclose(_shares(draw_cumulative(cumulative, rows, uniforms)), WEIGHTS, atol=0.015)


def test_each_row_of_cumulative_weights_is_searched_by_itself() -> None:
    cumulative = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]], np.float32)
    rows = np.array([0, 1, 2, 0])
    for uniform in (0.0, 0.5, 0.999):
        assert draw_cumulative(cumulative, rows, np.full(4, uniform, np.float32)).tolist() == [1, 0, 2, 1]


def test_draws_without_replacement_hold_each_place_once_and_impossible_ones_last() -> None:
    places = draw_without_replacement(np.random.default_rng(2), LOG_WEIGHTS, 4)
    assert np.array_equal(np.sort(places, axis=1), np.tile(np.arange(4), (20_000, 1)))
    assert (places[:, 3] == 1).all()
    assert np.allclose(_shares(places[:, 0]), WEIGHTS, atol=0.015)
    assert draw_without_replacement(np.random.default_rng(2), LOG_WEIGHTS, 2).shape == (20_000, 2)


def test_places_and_ranks_count_within_groups() -> None:
    assert places_within(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
    assert places_within(np.array([], np.int64)).tolist() == []
    assert ranks_within(np.array([5, 3, 5, 5, 3])).tolist() == [0, 0, 1, 2, 1]
    assert ranks_within(np.array([], np.int64)).tolist() == []
