"""New releases are those of the period that nobody had heard, recall counts who wanted them, and nobody's plays leak."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from benchmarks.cold_tracks import AFTERWARDS, BY_ARTIST, BY_LISTENS, NewReleases, _popularity
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from tests import builders

DAY = SECONDS_PER_DAY
RELEASED = {"a_old": 1, "a_new": 12, "a_leaked": 12, "b_new": 13, "b_later": 30, "b_old": 1}


def world() -> Dataset:
    tracks = builders.catalogue(
        [
            {
                "track_id": name,
                "artist_ids": [name[0]],
                "release_date": date(1970, 1, 1) + timedelta(days=day),
            }
            for name, day in RELEASED.items()
        ]
    )
    before = [("u", "a_old", 2.0), ("v", "a_old", 3.0), ("w", "b_old", 4.0), ("u", "a_leaked", 9.0)]
    after = [("u", "b_new", 15.0), ("v", "b_new", 15.0), ("u", "a_new", 15.5, -1.0), ("w", "a_new", 16.0)]
    split = Split(5 * DAY, 10 * DAY, 20 * DAY)
    return builders.dataset([*before, *after], tracks, split=split)


def test_a_new_release_came_out_in_the_period_and_was_never_heard_before() -> None:
    dataset = world()
    new = NewReleases.of(dataset, dataset.split.test_start, dataset.split.end)
    assert dataset.catalogue.tracks.names(new.tracks) == ["a_new", "b_new"]
    assert dataset.users.ids.names(new.users) == ["u", "v", "w"]
    # u skipped a_new early: that is no wish.
    np.testing.assert_array_equal(new.wanted, [[False, True], [False, True], [True, False]])


def test_recall_is_the_share_of_wanted_tracks_among_the_best() -> None:
    dataset = world()
    new = NewReleases.of(dataset, dataset.split.test_start, dataset.split.end)
    scores = np.tile(np.array([2.0, 1.0], np.float32), (3, 1))
    np.testing.assert_array_equal(new.recall(scores, 1), [0, 0, 1])
    np.testing.assert_array_equal(new.recall(scores, 100), [1, 1, 1])


def test_popularity_knows_nothing_of_the_period_but_the_one_that_says_so() -> None:
    dataset = world()
    new = NewReleases.of(dataset, dataset.split.test_start, dataset.split.end)
    lists = _popularity(dataset, new, seed=0)
    np.testing.assert_array_equal(lists[BY_ARTIST], [[3, 1]] * 3)  # listens of a and of b before the period
    np.testing.assert_array_equal(lists[AFTERWARDS], [[1, 2]] * 3)
    cut = replace(dataset, interactions=dataset.until(dataset.split.test_start).interactions)
    for name in (BY_ARTIST, BY_LISTENS):
        np.testing.assert_array_equal(_popularity(cut, new, seed=0)[name], lists[name])
