"""Tracks and artists that share rows by their hash: tables stay small, clusters are found, and what was not heard has no id."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.dataset import Dataset
from crossfade.retrieval.two_tower import TwoTower
from crossfade.retrieval.two_tower_inputs import artist_rows, hashed_rows, own_rows, word_rows
from crossfade.schema import columns as c
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import IdMap
from tests.builders import catalogue, dataset
from tests.retrieval.clusters import LATER, cluster_catalogue, clusters, model

BUCKETS = {"track_buckets": 5, "artist_buckets": 3}
IDS = IdMap(pa.array([f"track{i:05}" for i in range(10_000)]))


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return dataset(clusters(), cluster_catalogue())


@pytest.fixture(scope="module")
def fitted(planted: Dataset) -> TwoTower:
    return model(**BUCKETS).fit(planted)


def test_rows_are_two_and_spread_evenly() -> None:
    rows = hashed_rows(IDS, 100)
    assert (rows.shape, rows.dtype, rows.min(), rows.max()) == ((10_000, 2), np.int32, 0, 99)
    assert (rows[:, 0] != rows[:, 1]).all()
    # Each column is 10,000 draws of 100 rows: 100 each, with a standard deviation of 10.
    for column in rows.T:
        assert np.abs(np.bincount(column, minlength=100) - 100).max() < 50
    # Of 9,900 ordered pairs 10,000 draws meet 9,900 (1 - e^(-10,000 / 9,900)) = 6,295 on average.
    assert abs(len(np.unique(rows, axis=0)) - 6295) < 200


def test_a_row_depends_on_the_id_alone() -> None:
    few = IdMap(IDS.ids.slice(40, 3))
    np.testing.assert_array_equal(hashed_rows(few, 100), hashed_rows(IDS, 100)[40:43])
    # The first eight bytes of blake2b with 16 bytes, and one more than the last eight modulo 99 further on.
    assert hashed_rows(IdMap(pa.array(["a"])), 100).tolist() == [[87, 20]]
    assert hashed_rows(few, 1).tolist() == [[0, 0]] * 3


def test_tracks_that_were_not_heard_have_no_rows_and_artists_have_two_each() -> None:
    tracks = catalogue(
        [
            {c.TRACK_ID: "a", c.ARTIST_IDS: ["y", "x"]},
            {c.TRACK_ID: "b", c.ARTIST_IDS: ["y"]},
            {c.TRACK_ID: "c"},
        ]
    )
    own = own_rows(tracks, np.array([True, False, True]), 7)
    assert own is not None
    assert own.tolist() == [
        hashed_rows(tracks.tracks, 7)[0].tolist(),
        [-1, -1],
        hashed_rows(tracks.tracks, 7)[2].tolist(),
    ]
    assert own_rows(tracks, np.ones(3, np.bool_), 0) is None
    x, y = hashed_rows(tracks.contributors, 7).tolist()
    assert artist_rows(tracks, 7).tolist() == [[*y, *x, *[-1] * 4], [*y, *[-1] * 6], [-1] * 8]
    np.testing.assert_array_equal(artist_rows(tracks, 0), tracks.contributor_rows)


def test_small_tables_tell_the_clusters_apart(fitted: TwoTower, planted: Dataset) -> None:
    weights = fitted.learnt_.weights
    assert (weights["residuals"].shape, weights["artists"].shape) == ((5, 8), (3, 8))
    rows, _ = fitted.recommend(planted.queries(np.arange(4, dtype=np.int32), LATER), 8)
    artists = np.array([name[0] for name in planted.catalogue.tracks.ids.to_pylist()])[rows]
    assert artists.tolist() == [["a"] * 8, ["b"] * 8] * 2


def test_ids_alone_tell_the_clusters_apart() -> None:
    """Without content the rows are all there is: 16 tracks in 15, of which a weighting that tells the clusters apart exists."""
    bare = catalogue([{c.TRACK_ID: f"{artist}{i}"} for artist in "ab" for i in range(8)])
    means = np.eye(15)[hashed_rows(bare.tracks, 15)].mean(axis=1)
    labels = np.repeat([1, -1], 8)
    np.testing.assert_allclose(means @ np.linalg.lstsq(means, labels, rcond=None)[0], labels, atol=1e-9)
    planted = dataset(clusters(), bare)
    fitted = model(track_buckets=15, text_buckets=0, epochs=20).fit(planted)
    rows, _ = fitted.recommend(planted.queries(np.arange(4, dtype=np.int32), LATER), 5)
    names = np.array([name[0] for name in planted.catalogue.tracks.ids.to_pylist()])[rows]
    assert names.tolist() == [["a"] * 5, ["b"] * 5] * 2


def test_a_vector_is_the_mean_of_its_rows_and_its_content(fitted: TwoTower, planted: Dataset) -> None:
    weights, words = fitted.learnt_.weights, word_rows(planted, fitted.settings.text_buckets)
    assert fitted.learnt_.trained.tolist() == [
        not name.endswith("new") for name in planted.catalogue.tracks.ids.to_pylist()
    ]
    for track in planted.catalogue.tracks.rows(["a3", "b_new"]).tolist():
        artist = planted.catalogue.contributor_rows[track, 0]
        said = weights["artists"][hashed_rows(planted.catalogue.contributors, 3)[artist]].mean(axis=0)
        said = said + weights["genres"][planted.catalogue.genre_rows[track, 0]]
        said = said + weights["words"][words[track][words[track] >= 0]].mean(axis=0)
        if fitted.learnt_.trained[track]:
            said = said + weights["residuals"][hashed_rows(planted.catalogue.tracks, 5)[track]].mean(axis=0)
        np.testing.assert_allclose(fitted.track_vectors_[track], said / np.linalg.norm(said), atol=1e-5)


def test_save_and_load_keep_the_answer_and_who_was_heard(
    fitted: TwoTower, planted: Dataset, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = TwoTower.load(tmp_path, planted.catalogue)
    queries = planted.queries(np.array([0, 1, -1], np.int32), LATER)
    for mine, theirs in zip(loaded.recommend(queries, 9), fitted.recommend(queries, 9), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert list(loaded.learnt_.hashed) == ["residuals", "artists"]
    np.testing.assert_array_equal(loaded.learnt_.trained, fitted.learnt_.trained)


def test_training_again_gives_the_same(fitted: TwoTower, planted: Dataset) -> None:
    np.testing.assert_array_equal(model(**BUCKETS).fit(planted).track_vectors_, fitted.track_vectors_)


def test_a_warm_start_takes_the_shared_rows_and_who_was_heard(fitted: TwoTower, planted: Dataset) -> None:
    grown = dataset(
        [play for play in clusters() if play[1] != "a3"],
        catalogue([*cluster_catalogue().table.to_pylist(), {c.TRACK_ID: "a00", c.ARTIST_IDS: ["0"]}]),
    )
    warm = model(**BUCKETS, learning_rate=1e-9).fit(grown, warm_start=fitted)
    rows = grown.catalogue.tracks.rows(planted.catalogue.tracks.ids)
    assert rows[0] == 0
    assert rows[1] == 2
    np.testing.assert_allclose(warm.track_vectors_[rows], fitted.track_vectors_, atol=1e-5)
    np.testing.assert_array_equal(warm.learnt_.trained[rows], fitted.learnt_.trained)
    assert not warm.learnt_.trained[grown.catalogue.tracks.rows(["a00"])].any()


def test_a_warm_start_with_other_tables_is_refused(fitted: TwoTower, planted: Dataset) -> None:
    with pytest.raises(TrainingError, match=r"two_tower\.track_buckets of .* has size 5; got 0\. Start cold"):
        model(artist_buckets=3).fit(planted, warm_start=fitted)
    with pytest.raises(TrainingError, match=r"two_tower\.track_buckets of .* has size 5; got 9\. Start cold"):
        model(track_buckets=9, artist_buckets=3).fit(planted, warm_start=fitted)
    with pytest.raises(
        TrainingError, match=r"two_tower\.artist_buckets of .* has size 3; got 0\. Start cold"
    ):
        model(track_buckets=5).fit(planted, warm_start=fitted)
    plain = model(epochs=1).fit(planted)
    with pytest.raises(TrainingError, match=r"two_tower\.track_buckets of .* has size 0; got 5\. Start cold"):
        model(**BUCKETS).fit(planted, warm_start=plain)


def test_more_tracks_share_the_same_tables(fitted: TwoTower, planted: Dataset) -> None:
    tracks = catalogue([*cluster_catalogue().table.to_pylist(), {c.TRACK_ID: "0"}])
    more = fitted.learnt_.extended(tracks, np.zeros((len(tracks), 8), np.float32))
    for name in ("residuals", "artists"):
        np.testing.assert_array_equal(more.weights[name], fitted.learnt_.weights[name])
    assert more.weights["genres"].shape[0] == len(tracks.genres)
    assert more.trained.tolist() == [False, *fitted.learnt_.trained.tolist()]
