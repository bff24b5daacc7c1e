"""The next track: which moments count, what is known at each, and intervals against NumPy oracles."""

import numpy as np
import pytest

from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.next_track import (
    OverSessions,
    next_track_metrics,
    paired_by_session,
    reciprocal_ranks,
)
from crossfade.features.dataset import Dataset
from crossfade.features.next_tracks import NextTracks
from crossfade.schema.errors import TrainingError
from tests.evaluation import worlds

MINUTE = 1 / 1440
TRACKS = [{"track_id": name} for name in "abcde"]
ALL = {"most_sessions": 100, "most_moments": 100, "seed": 1}


def _world() -> Dataset:
    """Ann: two early listens, a session a b a (repeat) with a skipped c before the end; bob: one of one listen."""
    return worlds.dataset(
        [
            ("ann", "d", 2.0),
            ("ann", "e", 10.0 - MINUTE),  # this session began before the period
            ("ann", "c", 10.0 + MINUTE),
            ("ann", "a", 12.0),
            ("ann", "b", 12.0 + 4 * MINUTE),
            ("ann", "c", 12.0 + 8 * MINUTE, -1.0),
            ("ann", "a", 12.0 + 9 * MINUTE),
            ("bob", "e", 13.0),
        ],
        TRACKS,
    )


def _moments(world: Dataset, **options: int) -> NextTracks:
    return NextTracks.of(world, worlds.START, worlds.END, **{**ALL, **options})


def _names(world: Dataset, rows: np.ndarray) -> str:  # type: ignore[type-arg]
    return "".join(world.catalogue.tracks.names(rows))


def test_positive_listens_after_a_sessions_first_are_moments() -> None:
    world = _world()
    moments = _moments(world)
    assert _names(world, moments.track_rows) == "ba"
    assert moments.sessions.tolist() == [0, 0]
    assert moments.num_eligible == 1
    assert moments.is_repeat().tolist() == [False, True]


def test_a_query_is_what_came_before_with_the_session_as_its_newest() -> None:
    world = _world()
    queries = _moments(world).queries(0, 2)
    histories = [queries.slice(place, place + 1) for place in range(2)]
    assert [_names(world, history.track_rows) for history in histories] == ["deca", "decabc"]
    assert (queries.seconds < queries.as_of[queries.owners]).all()
    first, second = histories
    assert first.in_last_session.tolist() == [False] * 3 + [True]
    assert second.in_last_session.tolist() == [False] * 3 + [True] * 3
    assert second.strengths.tolist() == [1, 1, 1, 1, 1, -1]
    assert first.as_of[0] == int((12.0 + 4 * MINUTE) * 86_400)


def test_what_happens_later_changes_no_query() -> None:
    world = _world()
    moments = _moments(world)
    as_known = _moments(world.until(int(moments.queries(1, 2).as_of[0])))
    assert len(as_known) == 1
    for now, then in zip(
        vars(moments.queries(0, 1)).values(), vars(as_known.queries(0, 1)).values(), strict=True
    ):
        assert np.array_equal(now, then)


def test_a_save_in_the_second_of_its_listen_does_not_tell_of_it() -> None:
    world = worlds.dataset(
        [("ann", "a", 12.0), ("ann", "b", 12.0 + MINUTE, 5.0), ("ann", "b", 12.0 + MINUTE)], TRACKS
    )
    moments = _moments(world)
    assert len(moments) == 2
    assert _names(world, moments.queries(0, 2).track_rows) == "aa"


def test_draws_are_bounded_by_seed() -> None:
    plays = [
        (f"u{user}", "abcde"[place % 5], 11.0 + user / 10 + place * MINUTE)
        for user in range(20)
        for place in range(9)
    ]
    world = worlds.dataset(plays, TRACKS)
    drawn = _moments(world, most_sessions=5, most_moments=3)
    assert drawn.num_eligible == 20
    assert np.bincount(drawn.sessions).tolist() == [3] * 5
    assert (np.diff(drawn.targets) > 0).all()
    assert drawn.targets.tolist() == _moments(world, most_sessions=5, most_moments=3).targets.tolist()
    assert drawn.targets.tolist() != _moments(world, most_sessions=5, most_moments=3, seed=2).targets.tolist()


def test_without_sessions_it_says_so() -> None:
    with pytest.raises(
        TrainingError, match=r"two listens or more between seconds 864000 .* among 1 interactions"
    ):
        _moments(worlds.dataset([("ann", "a", 12.0)], TRACKS))


def test_ranks_are_over_the_whole_list_and_repeats_are_not_masked() -> None:
    world = _world()
    moments = _moments(world)
    rows = worlds.slates(world, "cab", "cab")

    def recommend(queries, k):  # type: ignore[no-untyped-def]
        return rows[: len(queries), :k], np.ones((len(queries), k), np.float32)

    # b stands third, the repeat a second.
    assert reciprocal_ranks(recommend, moments, 3).tolist() == [1 / 3, 1 / 2]
    metrics = next_track_metrics(reciprocal_ranks(recommend, moments, 2), np.array([False, True]))
    assert metrics["hit_rate"].tolist() == [0, 1]
    assert metrics["mrr"].tolist() == [0, 1 / 2]
    assert metrics["hit_rate_known"].tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert metrics["mrr_known"].tolist() == pytest.approx([np.nan, 1 / 2], nan_ok=True)


def test_undefined_moments_are_left_out() -> None:
    rng = np.random.default_rng(0)
    sessions, values = np.repeat(np.arange(50), 4), rng.uniform(size=200)
    kept = (np.arange(200) % 2 == 0) | (sessions == 7)
    over, alone = (OverSessions(each, Resampling(200, 0.95, 3)) for each in (sessions, sessions[kept]))
    partly = np.where(kept, values, np.nan)
    assert tuple(over.mean(partly)) == pytest.approx(tuple(alone.mean(values[kept])))
    assert np.isnan(over.mean(np.full(200, np.nan))).all()


def test_an_interval_is_that_of_a_mean_over_whole_sessions() -> None:
    rng = np.random.default_rng(0)
    sessions = np.repeat(np.arange(400), rng.integers(1, 10, 400))
    values = rng.normal(5, 1, 400)[sessions] + rng.normal(0, 0.1, len(sessions))
    found = OverSessions(sessions, Resampling(400, 0.95, 3)).mean(values)
    # The standard error of a ratio estimate over clusters: sqrt(sum((sum_s - mean n_s)^2)) / n.
    sums, sizes = np.bincount(sessions, values), np.bincount(sessions)
    error = np.sqrt(((sums - values.mean() * sizes) ** 2).sum()) / len(values)
    assert error > 2 * values.std() / np.sqrt(len(values))  # moments alone would look twice as sure
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)


def test_pairs_share_their_resamples() -> None:
    rng = np.random.default_rng(0)
    sessions = np.repeat(np.arange(100), 3)
    base = rng.uniform(0, 1, 300)
    over = OverSessions(sessions, Resampling(200, 0.95, 3))
    gap, ratio = paired_by_session({"mrr": 1.1 * base}, {"mrr": base}, over)["mrr"]
    assert gap.mean == pytest.approx(0.1 * base.mean())
    # Whatever sessions are drawn, the ratio of the means is the same.
    assert tuple(ratio) == pytest.approx((1.1, 1.1, 1.1))


def test_a_ratio_to_nothing_is_no_number() -> None:
    over = OverSessions(np.arange(3), Resampling(50, 0.95, 3))
    assert np.isnan(over.ratio(np.ones(3), np.zeros(3))).all()
