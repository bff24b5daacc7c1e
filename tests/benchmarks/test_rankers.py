"""The benchmark of rankers looks at nothing from the test period on."""

from benchmarks.rankers import before_test
from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY
from tests import builders


def test_the_validation_period_takes_the_place_of_the_test_period() -> None:
    day = SECONDS_PER_DAY
    plays = [("u", "a", 1), ("u", "b", 5), ("v", "a", 6.5), ("v", "c", 8), ("u", "c", 9.5)]
    given = builders.dataset(plays, split=Split(6 * day, 8 * day, 10 * day))
    found = before_test(given)
    assert found.split == Split(4 * day, 6 * day, 8 * day)
    assert found.interactions.seconds.max() < 8 * day
    assert len(found.interactions) == 3
