"""A warm start takes over what it knows by id, and refuses other shapes."""

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.retrieval.two_tower import TwoTower
from crossfade.schema import columns as c
from crossfade.schema.errors import TrainingError
from tests.builders import catalogue, dataset
from tests.retrieval.clusters import LATER, cluster_catalogue, clusters, model


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return dataset(clusters(), cluster_catalogue())


@pytest.fixture(scope="module")
def fitted(planted: Dataset) -> TwoTower:
    return model().fit(planted)


def test_a_warm_start_takes_over_what_it_knows_by_id(fitted: TwoTower, planted: Dataset) -> None:
    grown = dataset(
        clusters(),
        catalogue([*cluster_catalogue().table.to_pylist(), {c.TRACK_ID: "a00", c.ARTIST_IDS: ["0"]}]),
    )
    warm = model(learning_rate=1e-9).fit(grown, warm_start=fitted)
    assert len(warm.history_) == 3
    rows = grown.catalogue.tracks.rows(planted.catalogue.tracks.ids)
    assert rows.tolist() != list(range(len(rows)))
    np.testing.assert_allclose(warm.track_vectors_[rows], fitted.track_vectors_, atol=1e-5)
    queries = [data.queries(np.arange(4, dtype=np.int32), LATER) for data in (grown, planted)]
    np.testing.assert_allclose(warm.user_vectors(queries[0]), fitted.user_vectors(queries[1]), atol=1e-5)


def test_input_vectors_are_turned_to_where_they_stood(planted: Dataset) -> None:
    fitted = model(input_vectors="als").fit(planted)
    tracks = [*cluster_catalogue().table.to_pylist(), {c.TRACK_ID: "a00", c.ARTIST_IDS: ["0"]}]
    # Another listener turns the vectors of als another way, and one more track makes other rows.
    grown = dataset([*clusters(), ("u99", "a00", 1.0)], catalogue(tracks))
    warm = model(input_vectors="als", learning_rate=1e-9).fit(grown, warm_start=fitted)
    rows = grown.catalogue.tracks.rows(planted.catalogue.tracks.ids)
    given = warm.learnt_.weights["given"][rows]
    assert np.abs(given - fitted.learnt_.weights["given"]).max() > 0.1
    np.testing.assert_allclose(warm.track_vectors_[rows], fitted.track_vectors_, atol=1e-3)
    plain = model(learning_rate=1e-9).fit(planted)
    begun = model(input_vectors="als", learning_rate=1e-9).fit(planted, warm_start=plain)
    np.testing.assert_allclose(begun.track_vectors_, plain.track_vectors_, atol=1e-5)


def test_a_warm_start_of_another_shape_is_refused(fitted: TwoTower, planted: Dataset) -> None:
    with pytest.raises(
        TrainingError, match=r"two_tower\.dim of the earlier model, whose table has size 8; got 16"
    ):
        model(dim=16).fit(planted, warm_start=fitted)
    with pytest.raises(TrainingError, match=r"two_tower\.text_buckets of .* size 16384; got 99\. Start cold"):
        model(text_buckets=99).fit(planted, warm_start=fitted)
