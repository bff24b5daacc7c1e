"""What the two-tower knows of listeners and tracks besides plays: country, age, context, ids and other models' vectors."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.traits import unknown, vocabulary
from crossfade.schema import columns as c
from tests.builders import Play, dataset, users
from tests.retrieval.clusters import LATER, cluster_catalogue, clusters, model, names


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return dataset(clusters(), cluster_catalogue())


def test_country_answers_for_users_without_history() -> None:
    plays = clusters()
    data = dataset(plays, cluster_catalogue())
    ids = sorted({play[0] for play in plays})
    countries = ["NO" if int(name[1:]) % 2 == 0 else "SE" for name in ids]
    data = Dataset(data.catalogue, users(ids, countries), data.interactions, data.split, {})
    learnt = model(epochs=10).fit(data)
    newcomers = data.queries(np.array([0, 1], np.int32), 0)  # before anything happened: country alone
    assert newcomers.country_rows.tolist() == [0, 1]
    rows, _ = learnt.recommend(newcomers, 5)
    artists = [[name[0] for name in names(data, list_)] for list_ in rows]
    assert artists == [["a"] * 5, ["b"] * 5]


def test_age_answers_for_users_without_history() -> None:
    data = dataset(clusters(), cluster_catalogue())
    ids = data.users.ids.ids.to_pylist()
    people = users(ids, birth_years=[1950 if int(name[1:]) % 2 else 2000 for name in ids])
    later = replace(
        data.interactions, seconds=data.interactions.seconds + 20_000 * SECONDS_PER_DAY
    )  # in 2024
    data = replace(data, users=people, interactions=later)
    learnt = model(epochs=10).fit(data)
    newcomers = data.queries(np.array([0, 1], np.int32), 20_000 * SECONDS_PER_DAY)
    rows, _ = learnt.recommend(newcomers, 5)
    assert [[name[0] for name in names(data, list_)] for list_ in rows] == [["a"] * 5, ["b"] * 5]


def test_a_context_shifts_the_answer_and_none_is_answered_too() -> None:
    # Everybody hears artist a on the phone and b in the car, in sessions of their own.
    plays: list[Play] = [
        (f"u{user:02}", f"{'ab'[day % 2]}{(user + day) % 8}", day + user / 100)
        for user in range(30)
        for day in range(8)
    ]
    data = dataset(plays, cluster_catalogue())
    traits = vocabulary({"device=phone": 2, "device=car": 1})
    devices = [
        ["device=phone", "device=car"][int(second // SECONDS_PER_DAY) % 2]
        for second in data.interactions.seconds
    ]
    situations = np.full((len(plays), 3), -1, np.int8)
    situations[:, 0] = traits.rows(devices)
    data = replace(data, traits=traits, interactions=replace(data.interactions, situations=situations))
    learnt = model(epochs=10).fit(data)
    asked = data.queries(np.array([0, 0, 0], np.int32), LATER)
    told = unknown(3)
    told[:2, 1] = traits.rows(["device=phone", "device=car"])
    rows, scores = learnt.recommend(replace(asked, traits=told), 3)
    assert [[name[0] for name in names(data, list_)] for list_ in rows[:2]] == [["a"] * 3, ["b"] * 3]
    np.testing.assert_array_equal(scores[2], learnt.recommend(asked, 3)[1][2])


def test_ids_of_users_are_learnt_where_they_are_set_and_strangers_have_none(planted: Dataset) -> None:
    learnt = model(user_ids=True, user_buckets=1000, history_length=1).fit(planted)
    buckets = learnt.learnt_.user_buckets
    assert len(np.unique(buckets)) > 35
    assert (np.abs(learnt.learnt_.weights["users"][buckets]).sum(axis=1) > 0).all()
    never = np.setdiff1d(np.arange(1000), buckets)
    assert not learnt.learnt_.weights["users"][never].any()
    asked = planted.queries(np.array([0], np.int32), LATER)
    stranger = replace(asked, user_rows=np.array([-1], np.int32))
    assert np.abs(learnt.user_vectors(asked) - learnt.user_vectors(stranger)).max() > 0.01


@pytest.mark.parametrize("name", [c.ALS, c.ITEM2VEC])
def test_vectors_of_other_models_are_read_beside_the_content(planted: Dataset, name: str) -> None:
    learnt = model(input_vectors=name).fit(planted)
    assert learnt.learnt_.weights["vector_projection"].shape == (64, 8)
    rows, _ = learnt.recommend(planted.queries(np.array([0, 1], np.int32), LATER), 5)
    assert [[name[0] for name in names(planted, list_)] for list_ in rows] == [["a"] * 5, ["b"] * 5]
