"""New releases of a listener's artists, and of artists like them, by the moment of the query."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.follows import Follows
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval.releases import Releases
from tests import builders

# Of "a" and "b" the first is old; ann and ben play both artists, cyd plays "z" alone.
RELEASED = {"a_old": -300, "a_week": 93, "a_yesterday": 99, "a_tomorrow": 101, "b_old": -300, "b_new": 90}
UNDATED = ("a_undated", "z_old")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    days = {**RELEASED, **dict.fromkeys(UNDATED)}
    tracks = builders.catalogue(
        [
            {
                "track_id": name,
                "artist_ids": [name[0]],
                "release_date": None if day is None else date(1970, 1, 1) + timedelta(days=day),
            }
            for name, day in days.items()
        ]
    )
    plays = [(user, name, 80.0 + i) for i, user in enumerate(("ann", "ben")) for name in ("a_old", "b_old")]
    plays += [("dan", "a_old", 85.0), ("cyd", "z_old", 85.0)]
    return builders.dataset(plays, tracks)


def ask(source: Releases, dataset: Dataset, user: str, day: float) -> list[str | None]:
    rows = dataset.users.ids.rows([user])
    found, _ = source.recommend(dataset.queries(rows, int(day * SECONDS_PER_DAY)), 5)
    return dataset.catalogue.tracks.names(found[0][found[0] >= 0])


def test_releases_of_the_last_days_come_by_artist_then_newest_first(dataset: Dataset) -> None:
    source = Releases().fit(dataset)
    # dan plays "a"; "b" is liked by the same people.
    assert ask(source, dataset, "dan", 100.5) == ["a_yesterday", "a_week", "b_new"]
    assert ask(source, dataset, "dan", 101.5) == ["a_tomorrow", "a_yesterday", "a_week", "b_new"]
    assert ask(source, dataset, "dan", 122.5) == ["a_tomorrow", "a_yesterday"]
    assert ask(source, dataset, "cyd", 100.5) == []
    assert ask(source, dataset, "nobody", 100.5) == []


def test_each_query_of_a_batch_has_its_own_days(dataset: Dataset, tmp_path: Path) -> None:
    source = Releases().fit(dataset)
    source.save(tmp_path)
    loaded = Releases.load(tmp_path, dataset.catalogue)
    for day in (50.5, 100.5):
        assert ask(loaded, dataset, "ann", day) == ask(source, dataset, "ann", day)
    assert ask(source, dataset, "ann", 50.5) == []


def test_whom_a_listener_follows_is_as_good_as_played_whoever_played_it(dataset: Dataset) -> None:
    # cyd never played "a", nobody has played "a_yesterday", and a stranger's follow changes nothing for cyd.
    users, artists = dataset.users.ids.rows(["cyd", "dan"]), dataset.catalogue.artists.rows(["a", "b"])
    followed = replace(dataset, follows=Follows(users, artists, np.array([99 * SECONDS_PER_DAY] * 2)))
    source = Releases().fit(followed)
    assert ask(source, followed, "cyd", 98.5) == []
    assert ask(source, followed, "cyd", 100.5) == ["a_yesterday", "a_week", "b_new"]
    # To dan, who played "a" once, the followed "b" is dearer.
    assert ask(source, followed, "dan", 100.5)[0] == "b_new"
    assert ask(source, followed, "ann", 100.5) == ask(Releases().fit(dataset), dataset, "ann", 100.5)


def test_without_dates_there_are_no_releases() -> None:
    undated = builders.dataset([("u", "a1", 1.0), ("u", "a2", 2.0)])
    rows, scores = Releases().fit(undated).recommend(undated.queries(np.zeros(1, np.int32), 10**7), 3)
    assert (rows == -1).all()
    assert np.isneginf(scores).all()
