"""Both rankers get a fair draft, and the better one wins."""

import numpy as np
import pytest

from crossfade.experiments.statistics.interleaving import FIRST, NOBODY, SECOND, preference, team_draft

ONE, OTHER = np.array([1, 2, 3, 4, -1], np.int32), np.array([3, 5, 1, 6, 7], np.int32)


def test_in_each_round_both_pick_their_best_that_is_left() -> None:
    lists = {tuple(team_draft(ONE, OTHER, 4, seed=seed)[0].tolist()) for seed in range(64)}
    # First coin: 1 then 3, or 3 then 1; second: the first's next is 2, the other's 5, in either order.
    assert lists == {(1, 3, 2, 5), (1, 3, 5, 2), (3, 1, 2, 5), (3, 1, 5, 2)}
    rows, teams = team_draft(ONE, OTHER, 4, seed=1)
    assert sorted(teams.tolist()) == [FIRST, FIRST, SECOND, SECOND]
    assert all((row in (1, 2)) == (team == FIRST) for row, team in zip(rows, teams, strict=True))


def test_where_tracks_run_out_the_list_is_short_and_the_other_goes_on() -> None:
    rows, teams = team_draft(ONE, OTHER, 9, seed=3)
    assert sorted(rows[:7].tolist()) == [1, 2, 3, 4, 5, 6, 7]
    assert rows[7:].tolist() == [-1, -1]
    assert teams[7:].tolist() == [NOBODY, NOBODY]
    assert team_draft(ONE[:0], ONE[:0], 2, seed=0)[0].tolist() == [-1, -1]


def test_equal_rankers_share_the_first_place_and_equal_seeds_the_list() -> None:
    firsts = [team_draft(ONE, ONE, 2, seed=seed)[1][0] for seed in range(400)]
    assert np.mean(firsts) == pytest.approx(0.5, abs=0.08)
    for ours, again in zip(team_draft(ONE, OTHER, 5, seed=9), team_draft(ONE, OTHER, 5, seed=9), strict=True):
        np.testing.assert_array_equal(ours, again)


def test_the_sign_test_counts_users_not_plays() -> None:
    first, second = np.array([0] * 8 + [9, 9] + [2] * 5), np.array([1] * 8 + [0, 0] + [2] * 5)
    # 8 wins of 10: p = 2 * (45 + 10 + 1) / 1024.
    assert preference(first, second) == (pytest.approx(0.8), pytest.approx(0.109375, abs=1e-9))
    assert preference(first[:0], second[:0]) == (0.5, 1.0)
