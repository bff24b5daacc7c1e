"""The model of scale finds planted constants, and its bar has both outcomes."""

import numpy as np
import pytest

from benchmarks import scale
from benchmarks.scale import Measured, described, listeners_of, model


def planted(last: float) -> dict[str, list[Measured]]:
    """Measurements of 10 + 0.02 * sqrt(tracks) microseconds, but for the last size."""
    sizes = (10_000, 40_000, 90_000, 160_000)
    taken = [10 + 0.02 * size**0.5 for size in sizes[:-1]] + [last]
    return {"int8": [Measured(size, at, 81, 0.97, 0.02, 1) for size, at in zip(sizes, taken, strict=True)]}


def test_the_model_is_a_root() -> None:
    sizes = np.array([1e4, 4e4, 9e4])
    assert model(sizes, 10 + 0.02 * np.sqrt(sizes)) == pytest.approx((10, 0.02))


@pytest.mark.parametrize(("last", "holds"), [(18.0, True), (40.0, False), (9.0, False)])
def test_the_largest_size_judges_the_model(last: float, holds: bool) -> None:
    result = described(planted(last), quick=True)
    assert result.figures["model_at_largest_microseconds"] == 18
    assert result.bars["model_times_off"].holds == holds
    if holds:
        assert result.figures["model_at_100_million_microseconds"] == 10 + 0.02 * 1e4


def test_listeners_are_unit_vectors_near_their_genre(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "NUM_GENRES", 4)
    vectors = np.repeat(np.eye(4, dtype=np.float32), 100, axis=0)
    np.testing.assert_array_equal(np.sort(listeners_of(vectors, np.random.default_rng(0)), axis=1)[:, -1], 1)
