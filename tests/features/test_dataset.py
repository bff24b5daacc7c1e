"""The dataset: what is known as of a moment, and the files that it lives in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.playlists import Playlists
from crossfade.features.traits import vocabulary
from tests import builders

DAY = SECONDS_PER_DAY
PLAYS = [("ann", "a1", 0.0), ("ann", "b1", 1.0), ("ben", "a1", 1.0), ("ben", "b2", 2.0, -1.0)]


def test_a_query_sees_only_what_is_strictly_before_its_moment() -> None:
    queries = builders.dataset(PLAYS).queries(np.array([0, 1], np.int32), DAY)
    assert queries.offsets.tolist() == [0, 1, 1]
    assert queries.track_rows.tolist() == [0]


def test_until_forgets_later_interactions_and_keeps_the_catalogue() -> None:
    known = builders.dataset(PLAYS).until(DAY + 1)
    assert known.interactions.track_rows.tolist() == [0, 1, 0]
    assert len(known.catalogue) == 3


def test_until_forgets_later_playlists() -> None:
    titles = pa.array(["Then", "Later"])
    playlists = Playlists(
        np.array([0, 1, 3]), np.array([0, 1, 2], np.int32), np.array([DAY, 2 * DAY]), titles
    )
    known = replace(builders.dataset(PLAYS), playlists=playlists).until(2 * DAY)
    assert known.playlists.titles.to_pylist() == ["Then"]


def test_an_unknown_user_has_no_history_and_no_country() -> None:
    queries = builders.dataset(PLAYS).queries(np.array([-1], np.int32), 9 * DAY)
    assert (queries.offsets.tolist(), queries.country_rows.tolist()) == ([0, 0], [-1])
    assert queries.explicit_allowed.tolist() == [True]


def test_queries_carry_the_users_country() -> None:
    dataset = replace(builders.dataset(PLAYS), users=builders.users(["ann", "ben"], ["SE", None]))
    assert dataset.queries(np.array([1, 0], np.int32), DAY).country_rows.tolist() == [-1, 0]


def test_queries_carry_the_age_at_their_moment_where_any_is_known() -> None:
    dataset = builders.dataset(PLAYS)
    asking = np.array([1, 0, -1], np.int32)
    assert dataset.queries(asking, DAY).traits is None
    born = replace(dataset, users=builders.users(["ann", "ben"], birth_years=[None, 1945]))
    traits = born.queries(asking, DAY).traits
    assert traits is not None
    assert born.traits.names(traits[:, 0].astype(np.int32)) == ["age=20", None, None]
    assert (traits[:, 1:] == -1).all()
    assert replace(born, split=Split(0, 0, 0, has_time=False)).queries(asking, DAY).traits is None


def test_a_dataset_without_users_answers_unknown_ones() -> None:
    empty = builders.dataset([], builders.catalogue([{"track_id": "a"}]))
    queries = empty.queries(np.array([-1, -1], np.int32), DAY)
    assert queries.offsets.tolist() == [0, 0, 0]


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    dataset = builders.dataset(PLAYS, split=Split(1, 2, 3, has_time=False))
    dataset.save(tmp_path)
    loaded = Dataset.load(tmp_path)
    assert loaded.split == dataset.split
    assert loaded.users.table.equals(dataset.users.table)
    assert loaded.catalogue.table.equals(dataset.catalogue.table)
    for name, values in vars(dataset.interactions).items():
        np.testing.assert_array_equal(getattr(loaded.interactions, name), values)


def test_situations_and_the_names_of_traits_are_kept(tmp_path: Path) -> None:
    dataset = builders.dataset(PLAYS)
    codes = np.arange(3 * len(PLAYS)).reshape(-1, 3).astype(np.int8)
    acts = replace(dataset.interactions, situations=codes)
    replace(dataset, interactions=acts, traits=vocabulary({"device=phone": 1})).save(tmp_path)
    loaded = Dataset.load(tmp_path)
    assert loaded.interactions.situations is not None
    assert loaded.interactions.situations.dtype == np.int8
    np.testing.assert_array_equal(loaded.interactions.situations, codes)
    assert "device=phone" in loaded.traits.ids.to_pylist()
    later = loaded.until(int(acts.seconds.max())).interactions.situations
    assert later is not None
    np.testing.assert_array_equal(later, codes[acts.seconds < acts.seconds.max()])
