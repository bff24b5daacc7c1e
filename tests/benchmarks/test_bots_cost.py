"""The cost of bots is told with the search for repeats and without, and its bar sees both outcomes."""

import pytest

from benchmarks.bots_cost import BOTS, Taken, result


@pytest.mark.parametrize(("bots", "holds"), [(1.0, True), (2.0, False)])
def test_shares_of_bots(bots: float, *, holds: bool) -> None:
    tables = {table: Taken(bots, 2.0) for table in BOTS} | {"silver/events": Taken(12.0 - 3 * bots, 6.0)}
    found = result(tables, Taken(1.5, 1.2), 100, quick=True)
    assert found.bars["bots_share"].holds == holds
    assert found.figures["bots_share"] == 3 * bots / 12
    assert found.figures["bots_cpu_share"] == 6 / 12
    assert found.figures["bots_share_without_repeats"] == (3 * bots - 1.5) / 12
    assert found.figures["bots_cpu_share_without_repeats"] == pytest.approx((6 - 1.2) / 12)
