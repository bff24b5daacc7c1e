"""A bundle is asked about every day as in the week after it learnt, so that a clock alone moves nothing."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.follows import Follows
from crossfade.features.interactions import ON_TIME, SECONDS_PER_DAY
from crossfade.features.skips import SkipHabits
from crossfade.features.user_statistics import UserStatistics
from monitoring.drift.clock import WEEK_SECONDS, Listening, moved_back
from tests import builders

LEARNT = 14  # days


def dataset(num_days: int = 42) -> Dataset:
    """One listener who hears one track every noon from day 0 on, and nothing else ever changes."""
    tracks = builders.catalogue([{"track_id": "t", "release_date": date(1970, 1, 1)}])
    return builders.dataset([("u", "t", day + 0.5, 1.0) for day in range(num_days)], tracks)


def listens(asked: Dataset, moment: int) -> float:
    queries = asked.queries(np.zeros(1, np.int32), moment)
    return float(UserStatistics.of(queries, asked.catalogue).user_listens[0])


@pytest.mark.parametrize(("day", "expected"), [(14, 14), (20, 20), (21, 14), (26, 19), (41, 20)])
def test_histories_are_as_long_as_on_the_same_weekday_after_the_training(day: int, expected: int) -> None:
    listening = Listening(dataset())
    assert listens(listening.dataset, day * SECONDS_PER_DAY) == day
    moved, then = listening.as_after(LEARNT * SECONDS_PER_DAY, day * SECONDS_PER_DAY)
    assert then == expected * SECONDS_PER_DAY
    assert listens(moved, then) == expected


def test_what_is_within_the_week_or_before_stays_where_it_is() -> None:
    listening = Listening(dataset())
    for day in (0, 14, 20):
        moved, then = listening.as_after(LEARNT * SECONDS_PER_DAY, day * SECONDS_PER_DAY)
        assert moved is listening.dataset
        assert then == day * SECONDS_PER_DAY


def test_follows_and_arrivals_move_with_the_listening() -> None:
    whole = dataset(21)
    arrivals = np.full(21, ON_TIME)
    arrivals[20] = 30 * SECONDS_PER_DAY
    rows = np.zeros(2, np.int32)
    whole = replace(
        whole,
        interactions=replace(whole.interactions, arrivals=arrivals),
        follows=Follows(rows, rows, np.array([1, 9]) * SECONDS_PER_DAY),
    )
    moved = moved_back(whole, 1)
    assert len(moved.interactions) == 14  # seven of its days would lie before its beginning
    assert moved.interactions.arrivals is not None
    assert moved.interactions.arrivals.tolist() == [*[ON_TIME] * 13, 30 * SECONDS_PER_DAY - WEEK_SECONDS]
    assert moved.follows.seconds.tolist() == [2 * SECONDS_PER_DAY]


def test_a_dataset_without_listening_stays_without() -> None:
    nothing = replace(dataset(), interactions=dataset().interactions.where(np.zeros(42, bool)))
    assert len(moved_back(nothing, 2).interactions) == 0


def test_a_skip_says_what_the_listening_that_is_known_makes_of_it() -> None:
    """Of a track that was wanted before a skip says less; on the first day after the cut nothing is known of before."""
    tracks = builders.catalogue([{"track_id": "t", "release_date": date(1970, 1, 1)}])
    plays = [("u", "t", day + 0.5, -1.0 if day % 7 == 0 else 1.0) for day in range(42)]
    listening = Listening(builders.dataset(plays, tracks), SkipHabits(np.full(11, 0.5), 0.5))
    as_it_is = listening.dataset.interactions
    moved = listening.as_after(LEARNT * SECONDS_PER_DAY, 41 * SECONDS_PER_DAY)[0].interactions
    assert as_it_is.strengths[[0, 7, 21]] == pytest.approx([-1, -1 / 7, -1 / 19])
    assert moved.seconds[0] == as_it_is.seconds[0]
    assert moved.strengths[[0, 7]] == pytest.approx([-1, -1 / 7])  # the days 21 and 28
