"""Weights become grades in the order of their worth, and gains that keep their ratios."""

import numpy as np
import pytest

from crossfade.ranking.objective import Objective
from crossfade.schema.settings import ObjectiveSettings, default_settings

SAVED, NEW = np.array([False, False, True, True]), np.array([False, True, False, True])


@pytest.mark.parametrize(
    ("weights", "gains", "grades"),
    [
        ({"play": 1, "save": 3, "skip": 0, "discovery": 0}, [0, 1, 3], [1, 1, 2, 2]),
        ({"play": 2, "save": 2, "skip": 0, "discovery": 0}, [0, 2], [1, 1, 1, 1]),
        ({"play": 1, "save": 3, "skip": 0, "discovery": 1}, [0, 1, 2, 3, 6], [1, 2, 3, 4]),
        # A new artist's play is worth as much as a save of a known one.
        ({"play": 1, "save": 2, "skip": 0, "discovery": 1}, [0, 1, 2, 4], [1, 2, 2, 3]),
        # Plays above saves: somebody's wish, and no mistake.
        ({"play": 3, "save": 1, "skip": 0.5, "discovery": 0}, [0, 0.5, 1.5, 3.5], [2, 2, 1, 1]),
    ],
)
def test_grades_follow_worth(weights: dict[str, float], gains: list[float], grades: list[int]) -> None:
    objective = Objective(ObjectiveSettings(**weights))
    assert objective.gains == gains
    assert objective.grades(SAVED, NEW).tolist() == grades
    assert objective.grades_skips == (weights["skip"] > 0)


def test_the_default_is_the_usual_gain_of_two_grades() -> None:
    assert Objective(default_settings().ranking.objective).gains == [0, 1, 3]
