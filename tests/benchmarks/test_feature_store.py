"""What the benchmark of the feature store makes of its times."""

import pytest

from benchmarks.feature_store import result

SIDES = {"packed_redis_1": 100, "packed_redis_100": 1000, "feast_redis_1": 500, "feast_redis_100": 20_000}


def seconds(**other: float) -> dict[str, list[float]]:
    return {name: [value / 1e6] * 3 for name, value in (SIDES | other).items()}


def test_ratios_are_of_medians_on_the_same_redis() -> None:
    found = result(seconds(), {"tracks": 7}, None)
    assert found.figures["tracks"] == 7
    assert (found.figures["feast_redis_1_us"], found.figures["feast_redis_1_spread_us"]) == (500, 0)
    assert (found.figures["redis_ratio_1"], found.figures["redis_ratio_100"]) == (5, 20)
    assert all(bar.holds for bar in found.bars.values())


@pytest.mark.parametrize(
    ("side", "bar"), [("feast_redis_1", "redis_ratio_1"), ("feast_redis_100", "redis_ratio_100")]
)
def test_a_feast_that_is_nearly_as_fast_misses_the_bar(side: str, bar: str) -> None:
    found = result(seconds(**{side: 150}), {}, None)
    assert [name for name, each in found.bars.items() if not each.holds] == [bar]


def test_without_redis_there_is_no_bar_and_the_reason_is_told() -> None:
    found = result({"packed_embedded_1": [1e-5]}, {}, "redis-server is not installed")
    assert found.bars == {}
    assert found.notes[-1] == "Nothing of Redis: redis-server is not installed."
    assert found.figures["packed_embedded_1_us"] == 10
