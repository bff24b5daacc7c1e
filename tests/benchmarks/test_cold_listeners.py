"""Histories are cut to the last three plays before the test period, and nothing of that period is lost."""

import numpy as np

from benchmarks.cold_listeners import LISTENS, with_cut_histories
from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY
from tests import builders

SPLIT = Split(8 * SECONDS_PER_DAY, 10 * SECONDS_PER_DAY, 12 * SECONDS_PER_DAY)


def test_half_of_the_users_keep_three_plays_and_the_test_period() -> None:
    plays = [
        (f"u{user:02}", f"t{play}", day, strength)
        for user in range(60)
        for play, (day, strength) in enumerate(
            [(1, 1.0), (2, -1.0), (3, 5.0), (4, 1.0), (5, -0.5), (6, 1.0), (11, 1.0)]
        )
    ]
    few = [("zz", "t0", 1.0, 1.0), ("zz", "t1", 2.0, -1.0), ("zz", "t1", 11.0, 1.0)]
    dataset = builders.dataset([*plays, *few], split=SPLIT)
    cut, users = with_cut_histories(dataset, seed=1)
    assert 20 < len(users) < 40
    assert 60 not in users  # zz has nothing to cut
    for user in range(61):
        before = dataset.interactions.where(dataset.interactions.user_rows == user)
        after = cut.interactions.where(cut.interactions.user_rows == user)
        if user in users:
            assert (after.seconds // SECONDS_PER_DAY).tolist() == [3, 4, 6, 11]
            assert (after.strengths > 0).sum() == LISTENS + 1
        else:
            np.testing.assert_array_equal(after.seconds, before.seconds)
