"""The benchmark of bots: counts add up, and its bars see both outcomes."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import bots
from benchmarks.bots.detection import Detection, summed
from benchmarks.bots.exposure import Exposure, lift
from crossfade.schema.settings import default_settings

FOUND = Detection(1000, 60, 40, 57, 38, 1, 5, 1, 4, 0, 90, 0)


def test_counts_of_worlds_are_summed() -> None:
    both = summed([FOUND, replace(FOUND, own_marked=9)])
    assert (both.farm, both.own_marked, both.listens) == (120, 10, 2000)
    assert both.precision == pytest.approx(190 / 200)
    assert both.recall == pytest.approx(190 / 200)
    assert both.figures()["recall_farm"] == pytest.approx(57 / 60)


def test_lift_is_the_ratio_of_all_slots() -> None:
    slots = {
        name: np.full(50, value) for name, value in (("clean", 2.0), ("marked", 2.0), ("everything", 3.0))
    }
    settings = default_settings()
    assert lift([Exposure(slots)], "everything", settings) == (1.5, 1.5, 1.5)
    uneven = slots | {"marked": np.repeat([1.0, 3.0], 25)}
    found = lift([Exposure(slots), Exposure(uneven)], "marked", settings)
    assert found.mean == 1.0
    assert 0.8 < found.low < 1.0 < found.high < 1.2


@pytest.mark.parametrize(("marked", "own", "shown", "holds"), [(38, 1, 2.0, True), (20, 20, 3.0, False)])
def test_the_bars_see_both_outcomes(marked: int, own: int, shown: float, *, holds: bool) -> None:
    found = replace(FOUND, intruder_marked=marked, own_marked=own)
    slots = {"clean": np.full(9, 2.0), "marked": np.full(9, shown), "everything": np.full(9, 4.0)}
    result = bots._result([found], [{"whole": Exposure(slots)}], default_settings(), quick=False)
    assert {name: bar.holds for name, bar in result.bars.items()} == {
        "precision": holds,
        "recall": holds,
        "whole_lift_marked": holds,
    }
    assert result.figures["whole_lift_everything"] == 2.0
    assert result.figures["whole_slots_clean"] == 18
