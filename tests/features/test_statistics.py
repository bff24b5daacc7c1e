"""Counts of tracks and artists before a moment; every expected value follows from the few plays above it."""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.arrow_files import write_table
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.statistics import NEVER, PRIOR_PLAYS, Statistics
from crossfade.schema.errors import IntegrityError
from tests import builders

DAY = SECONDS_PER_DAY
NOW = 30 * DAY
# Tracks by row: a1, a2 (artist a), b1 (artist b), c1 (never played).
PLAYS = [
    ("ann", "a1", 1.0),
    ("ann", "a1", 10.0),
    ("ann", "a2", 28.0, 5.0),
    ("ben", "a1", 29.0),
    ("ben", "b1", 29.5, -1.0),
    ("cyd", "b1", 30.5),
]
TRACKS = builders.catalogue(
    [{"track_id": name, "artist_ids": [name[0]]} for name in ("a1", "a2", "b1", "c1")] + [{"track_id": "d1"}]
)


@pytest.fixture
def dataset() -> Dataset:
    users = builders.users(["ann", "ben", "cyd"], ["SE", "NO", None])
    return replace(builders.dataset(PLAYS, TRACKS), users=users)


@pytest.fixture
def statistics(dataset: Dataset) -> Statistics:
    return Statistics.of(dataset, NOW)


def test_tracks_are_counted_by_listens_listeners_and_days(statistics: Statistics) -> None:
    assert statistics.track_listens.tolist() == [3, 1, 0, 0, 0]
    assert statistics.track_listeners.tolist() == [2, 1, 0, 0, 0]
    assert statistics.track_listens_7d.tolist() == [1, 1, 0, 0, 0]
    assert statistics.track_listens_28d.tolist() == [2, 1, 0, 0, 0]
    assert statistics.track_first_seconds.tolist() == [DAY, 28 * DAY, NEVER, NEVER, NEVER]


def test_artists_are_counted_by_distinct_listeners(statistics: Statistics) -> None:
    assert statistics.artist_listens.tolist() == [4, 0, 0]
    assert statistics.artist_listeners.tolist() == [2, 0, 0]
    assert statistics.artist_tracks.tolist() == [
        2,
        1,
        0,
    ]  # nobody has played c1, and no date says that it is out


def test_an_artists_tracks_count_from_their_release_or_first_play_on() -> None:
    dated = builders.catalogue(
        [
            {"track_id": "a1", "artist_ids": ["a"]},
            {"track_id": "a2", "artist_ids": ["a"], "release_date": date(1970, 1, 31)},
            {"track_id": "a3", "artist_ids": ["a"], "release_date": date(1970, 2, 1)},
        ]
    )
    world = builders.dataset([("ann", "a1", 20.0)], dated)
    for days, known in ((19, 0), (21, 1), (29, 1), (30, 2), (31, 3)):
        assert Statistics.of(world, days * DAY).artist_tracks.tolist() == [known]


def test_rates_are_drawn_to_everybodys_rate(statistics: Statistics) -> None:
    # 5 plays, 1 full skip (b1) and 1 save (a2): both rates are 1/5 for everybody.
    prior = PRIOR_PLAYS / 5
    expected_skips = [prior / (3 + PRIOR_PLAYS), prior / (1 + PRIOR_PLAYS), (1 + prior) / (1 + PRIOR_PLAYS)]
    expected_saves = [prior / (3 + PRIOR_PLAYS), (1 + prior) / (1 + PRIOR_PLAYS), prior / (1 + PRIOR_PLAYS)]
    np.testing.assert_allclose(statistics.track_skip_rate, [*expected_skips, 0.2, 0.2], rtol=1e-6)
    np.testing.assert_allclose(statistics.track_save_rate, [*expected_saves, 0.2, 0.2], rtol=1e-6)


def test_a_countrys_share_is_drawn_to_its_share_of_all_listens(statistics: Statistics) -> None:
    # Countries by row: NO (1 of 4 listens), SE (3 of 4). Track a1: 1 listen in NO, 2 in SE.
    shares = statistics.country_share(np.array([0, 1, -1], np.int32), np.array([[0, 3]] * 3, np.int32))
    expected = (np.array([[1, 0], [2, 0]]) + PRIOR_PLAYS * np.array([[0.25], [0.75]])) / (
        np.array([3, 0]) + PRIOR_PLAYS
    )
    np.testing.assert_allclose(shares[:2], expected, rtol=1e-6)
    assert np.isnan(shares[2]).all()


def test_only_the_top_countries_are_kept() -> None:
    plays = [(f"user{i:02}", "a1", 1.0) for i in range(21)] + [(f"user{i:02}", "a1", 2.0) for i in range(20)]
    countries = [f"C{i:02}" for i in range(21)]
    dataset = replace(
        builders.dataset(plays), users=builders.users([f"user{i:02}" for i in range(21)], countries)
    )
    shares = Statistics.of(dataset, NOW).country_share(
        np.array([0, 20], np.int32), np.zeros((2, 1), np.int32)
    )
    assert np.isnan(shares[:, 0]).tolist() == [False, True]


def test_nothing_later_than_the_moment_counts(dataset: Dataset, statistics: Statistics) -> None:
    assert_equal(Statistics.of(dataset.until(NOW), NOW), statistics)
    assert Statistics.of(dataset, 31 * DAY).track_listens[2] == 1


def test_without_timestamps_days_mean_nothing(dataset: Dataset) -> None:
    timeless = Statistics.of(replace(dataset, split=Split(0, 0, 0, has_time=False)), NOW)
    assert np.isnan(timeless.track_listens_7d).all()
    assert np.isnan(timeless.track_listens_28d).all()
    assert (timeless.track_first_seconds == NEVER).all()
    assert timeless.track_listens.tolist() == [3, 1, 0, 0, 0]


def test_no_interactions_give_zeros() -> None:
    nothing = Statistics.of(builders.dataset([], TRACKS), NOW)
    assert nothing.track_listens.tolist() == nothing.track_skip_rate.tolist() == [0] * 5
    assert np.isnan(nothing.country_share(np.array([-1], np.int32), np.array([[0]], np.int32))).all()


def test_save_and_load_keep_everything(statistics: Statistics, tmp_path: Path) -> None:
    statistics.save(tmp_path)
    assert_equal(Statistics.load(tmp_path), statistics)


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    write_table(pa.table({"as_of": [[1]]}), tmp_path / "statistics.arrow")
    with pytest.raises(
        IntegrityError, match=r"has the columns as_of, but this version needs as_of, has_time"
    ):
        Statistics.load(tmp_path)


def assert_equal(left: Statistics, right: Statistics) -> None:
    for item in fields(Statistics):
        first, second = getattr(left, item.name), getattr(right, item.name)
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
