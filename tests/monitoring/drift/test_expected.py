"""What a distance is made of is found again where it was planted, and taken out of days that are small or long after."""

import numpy as np
import pytest

from monitoring.drift.expected import Parts, fitted, levelled, wandered
from monitoring.drift.measures import Kind, Measure
from monitoring.drift.series import Series, days_from, weekdays
from monitoring.drift.thresholds import Strays, strays
from tests.monitoring.drift import worlds

DAYS = days_from(worlds.FIRST, worlds.NUM_REFERENCE + 7)
WEEKDAYS = weekdays(DAYS)
MIX = Measure("m", Kind.MIX, "")


def rates(seed: int, listens: np.ndarray, wander: float = 0.0) -> list[Series]:
    """Return 40 series of days that say yes in about a third, by chance and by a walk of some size each week."""
    random = np.random.default_rng(seed)
    weeks = np.arange(len(DAYS)) // 7
    found = []
    for number in range(40):
        walk = np.cumsum(random.normal(0, wander, weeks[-1] + 1))[weeks]
        yes = random.binomial(listens, np.clip(0.35 + walk, 0.01, 0.99)).astype(float)
        found.append(
            Series(
                Measure(f"r{number}", Kind.RATE, ""),
                "all",
                ("False", "True"),
                np.column_stack([listens - yes, yes]),
            )
        )
    return found


def sizes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([200, 500, 1500], len(DAYS))


def parts(series: list[Series]) -> Parts:
    return fitted(series, WEEKDAYS, worlds.NUM_REFERENCE)[Kind.RATE]


def test_chance_is_known_by_the_size_of_days() -> None:
    found = parts(rates(1, sizes()))
    assert found.chance > 5 * (found.common + found.walk)


def test_a_walk_is_known_by_the_weeks_between() -> None:
    still, walking = (parts(rates(1, np.full(len(DAYS), 10_000), wander)) for wander in (0.0, 0.03))
    assert still.walk < 0.05
    assert walking.walk > 0.2


def test_a_walk_has_gone_as_far_as_its_weeks() -> None:
    # Between week 4 and the mean of weeks 0 and 2: (4 + 2) / 2, less half of the mean of 0, 2, 2, 0.
    assert wandered(np.array([4]), np.array([0, 2])) == pytest.approx([2.5])
    assert wandered(np.array([1]), np.array([1])) == pytest.approx([0])


def test_expected_squares_add_up() -> None:
    # (common + chance / size) of the day, a quarter of both of four usual weeks, and the walk.
    found = Parts(1.0, 2.0, 3.0).squared(np.array([0.5, 1.0]), np.array([0.0, 2.0]), 4)
    assert found == pytest.approx([1 + 4 + 0.75, 1 + 2 + 0.75 + 6])


def test_most_of_what_small_days_stray_further_is_levelled() -> None:
    """Not all of it: the nearest of seven weekdays is nearer to a large day than the parts expect."""
    listens = sizes()
    listens[worlds.NUM_REFERENCE :] = 200
    series = rates(2, listens)
    known = fitted(series, WEEKDAYS, worlds.NUM_REFERENCE)
    found = [strays(each, WEEKDAYS, worlds.NUM_REFERENCE) for each in series]
    level = [
        levelled(some, each, known, worlds.NUM_REFERENCE) for some, each in zip(found, series, strict=True)
    ]

    def further(all_of_them: list[Strays]) -> float:
        return float(
            np.mean([some.later.mean() for some in all_of_them])
            / np.mean([some.without_drift.mean() for some in all_of_them])
        )

    assert further(found) > 1.3
    assert further(level) - 1 < (further(found) - 1) / 2


def test_what_was_resampled_or_never_moved_stays_as_it_is() -> None:
    still = Series(MIX, "all", ("a", "b"), np.full((len(DAYS), 2), 50.0))
    assert fitted([still], WEEKDAYS, worlds.NUM_REFERENCE) == {}
    found = Strays(np.ones(worlds.NUM_REFERENCE), np.ones(7), np.zeros(7, int))
    assert levelled(found, still, {}, worlds.NUM_REFERENCE) is found
    drawn = Series(MIX, "all", ("a", "b"), worlds.mixes(1, 1, len(DAYS))[0].counts[:, :2], is_resampled=True)
    assert fitted([drawn], WEEKDAYS, worlds.NUM_REFERENCE) == {}
    assert levelled(found, drawn, {Kind.MIX: Parts(1, 1, 1)}, worlds.NUM_REFERENCE) is found


def test_a_volume_is_of_no_size() -> None:
    listens = np.random.default_rng(0).normal(1000, 300, len(DAYS)).clip(100)[:, None]
    volume = Series(Measure("listens", Kind.VOLUME, ""), "all", ("",), listens)
    known = fitted([volume], WEEKDAYS, worlds.NUM_REFERENCE)[Kind.VOLUME]
    found = strays(volume, WEEKDAYS, worlds.NUM_REFERENCE)
    level = levelled(
        found, volume, {Kind.VOLUME: Parts(known.common, known.chance, 0.0)}, worlds.NUM_REFERENCE
    )
    ratio = level.later / found.later
    assert ratio == pytest.approx(np.full(7, ratio[0]))
