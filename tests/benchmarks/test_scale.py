"""The model of scale finds planted constants, and its bar has both outcomes."""

import numpy as np
import pytest

from benchmarks import scale
from benchmarks.scale import Measured, described, listeners_of, measured, model
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.retrieval.user_tower import unit


def planted(last: float) -> dict[str, list[Measured]]:
    """Measurements of 10 + 0.002 * searched tracks microseconds, but for the last size; a fiftieth of all is searched."""
    sizes = (10_000, 50_000, 100_000, 200_000)
    taken = [10 + 0.002 * 0.02 * size for size in sizes[:-1]] + [last]
    row = [Measured(size, at, 81, 0.97, 0.02, 1, 2) for size, at in zip(sizes, taken, strict=True)]
    return {"int8_in_4": row}


def test_the_model_is_a_line() -> None:
    scanned = np.array([200.0, 1000.0, 2000.0])
    assert model(scanned, 10 + 0.002 * scanned) == pytest.approx((10, 0.002))


@pytest.mark.parametrize(("last", "holds"), [(18.0, True), (40.0, False), (9.0, False)])
def test_the_largest_size_judges_the_model(last: float, holds: bool) -> None:
    result = described(planted(last), quick=True)
    assert result.figures["model_at_largest_microseconds"] == 18
    assert result.bars["model_times_off"].holds == holds
    if holds:
        assert result.figures["model_at_100_million_microseconds"] == 10 + 0.002 * 2e6


def test_listeners_are_unit_vectors_near_their_genre(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "NUM_GENRES", 4)
    vectors = np.repeat(np.eye(4, dtype=np.float32), 100, axis=0)
    np.testing.assert_array_equal(np.sort(listeners_of(vectors, np.random.default_rng(0)), axis=1)[:, -1], 1)


@pytest.mark.parametrize(("parts", "recall"), [(1, 1.0), (3, 0.999)])
def test_an_index_is_measured_whole_and_in_parts(parts: int, recall: float) -> None:
    random = np.random.default_rng(0)
    vectors = unit(random.standard_normal((900, 8), np.float32))
    truth, _ = ExactIndex(vectors).search(vectors[:20], 100)
    found = measured(vectors, vectors[:20], truth, ("int8", parts))
    assert (found.num_tracks, found.leaves_share) == (900, 0)
    assert found.recall >= recall
    assert found.bytes_per_track > 32
    assert 0.05 < found.peak_gib < 24
