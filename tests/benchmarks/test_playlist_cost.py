"""The model of a playlist's cost finds planted constants, its bar has both outcomes, and cores follow from it."""

from pathlib import Path

import pytest

from benchmarks import playlist_cost
from benchmarks.playlist_cost import INDEX, cores, described, model


def planted(last: float) -> dict[int, dict[str, float]]:
    """Stages of 100 + 10 * log2(tracks) microseconds and an index of 50, but for the last size."""
    stages = {1 << power: {INDEX: 50.0, "rank": 100.0, "rerank": 10.0 * power} for power in (10, 11, 12)}
    return stages | {1 << 14: {INDEX: 60.0, "rank": last}}


def test_the_model_grows_with_the_logarithm() -> None:
    assert model([1024, 2048, 8192], [200, 210, 230]) == pytest.approx((100, 10))
    assert model([1024, 2048, 8192], [220, 210, 200]) == (210, 0)  # it never falls


@pytest.mark.parametrize(("last", "holds"), [(240.0, True), (310.0, False), (180.0, False)])
def test_the_largest_size_judges_the_model(last: float, holds: bool) -> None:
    result = described(planted(last), quick=True)
    assert result.figures["1024_microseconds"] == 250
    assert result.figures["16384_index_microseconds"] == 60
    assert result.figures["model_at_largest_microseconds"] == 240
    assert result.bars["model_times_off"].holds == holds
    if holds:
        # 100 + 10 * log2(10^8)
        assert result.figures["model_at_100000000_microseconds"] == 365.8


def test_cores_of_everybody_in_a_day() -> None:
    # 500 M x 1.728 ms = 864,000 s, which is ten days.
    assert cores(1728) == pytest.approx(10)


def test_sizes_come_from_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    def stages(folder: Path, num_tracks: int, num_users: int) -> dict[str, float]:
        made.append((num_tracks, num_users))
        return {INDEX: 50.0, "rank": 100.0}

    monkeypatch.setattr(playlist_cost, "stages_of", stages)
    assert playlist_cost.run(playlist_cost.Options(quick=True)).bars["model_times_off"].holds
    assert made == [(size, playlist_cost.QUICK_USERS) for size in playlist_cost.QUICK_SIZES]
