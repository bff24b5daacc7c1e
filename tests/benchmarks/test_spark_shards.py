"""The bars of Spark against a plain run, on both outcomes."""

import pytest

from benchmarks.spark_shards import described


@pytest.mark.parametrize(("spark", "is_equal"), [(14.0, True), (15.0, False)])
def test_bars(spark: float, is_equal: bool) -> None:
    result = described(1000, {"plain": 10.0, "spark": spark}, is_equal=is_equal, quick=True)
    assert result.figures["plain_users_per_second"] == 100
    assert [bar.holds for bar in result.bars.values()] == [is_equal] * 2
