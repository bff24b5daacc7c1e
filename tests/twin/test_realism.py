"""The shapes that real listening has: few hits and a long tail, busy and casual listeners, many repeats."""

import numpy as np
import pytest

from crossfade.twin.portrait import Listens, first_times, gini, means_by_quintile, portrait
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import Twin, simulate


@pytest.fixture(scope="module")
def figures(twin: Twin) -> dict[str, float | list[float]]:
    return portrait(twin)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("listens_per_user_mean", 100, 260),  # 42 days at 5 a day, some join late
        ("gini_of_track_plays", 0.5, 0.8),
        ("share_of_top_1_percent_of_tracks", 0.08, 0.35),
        ("gini_of_user_listens", 0.4, 0.6),
        ("repeat_share", 0.5, 0.75),
        ("new_artist_share", 0.05, 0.25),
        ("skip_share", 0.1, 0.3),
        ("sessions_an_active_day", 1.2, 2.2),
        ("listens_a_session", 6, 11),
        ("share_of_tracks_released_in_window", 0.02, 0.1),
        ("save_per_1000_listens", 5, 40),
        ("playlists_per_user", 0.8, 1.6),
    ],
)
def test_figures_are_those_of_real_listening(
    figures: dict[str, float], name: str, low: float, high: float
) -> None:
    assert low < figures[name] < high


def test_plays_follow_a_power_law(twin: Twin, listens: Listens) -> None:
    plays = np.sort(np.bincount(listens.tracks, minlength=twin.tracks.num_rows))[::-1]
    ranks = np.arange(10, 500)
    slope, _ = np.polyfit(np.log(ranks), np.log(plays[ranks - 1]), 1)
    assert -1.1 < slope < -0.4
    assert np.corrcoef(np.log(ranks), np.log(plays[ranks - 1]))[0, 1] < -0.97


def test_few_listeners_make_many_listens(twin: Twin, listens: Listens) -> None:
    counts = np.sort(np.bincount(listens.users, minlength=twin.users.num_rows))[::-1]
    assert 0.25 < counts[:50].sum() / counts.sum() < 0.55
    assert counts[0] > 5 * np.median(counts)


def test_gini_of_known_counts() -> None:
    assert gini(np.array([4, 4, 4])) == pytest.approx(0)
    assert gini(np.array([0, 0, 9])) == pytest.approx(2 / 3)


def test_first_times_are_told_from_repeats() -> None:
    users, tracks = np.array([0, 1, 0, 0], np.int32), np.array([5, 5, 5, 6], np.int32)
    assert first_times(users, tracks).tolist() == [True, True, False, True]


def test_quintiles_are_fifths_from_the_lowest_on() -> None:
    by = np.arange(10)[::-1]
    assert means_by_quintile(by * 10, by) == [5, 25, 45, 65, 85]


def test_nobody_listening_has_a_portrait_too() -> None:
    silent = simulate(TwinSpec(num_users=1, num_tracks=3, num_days=1, listens_per_day=0.1, seed=3))
    assert portrait(silent) == {"num_listens": 0}


def test_reactions_and_positions_are_counted(twin: Twin, figures: dict[str, list[float]]) -> None:
    saves = sum(kind == "save" for kind in twin.events["event_type"].to_pylist())
    listens = sum(kind == "listen" for kind in twin.events["event_type"].to_pylist())
    assert figures["save_per_1000_listens"] == pytest.approx(1000 * saves / listens)
    by_position = figures["skip_share_by_position_0_to_7"]
    assert len(by_position) == 8
    assert by_position[0] > np.mean(by_position[2:6]) + 0.005
    by_affinity = figures["skip_share_by_affinity_quintile"]
    assert by_affinity == sorted(by_affinity, reverse=True)
