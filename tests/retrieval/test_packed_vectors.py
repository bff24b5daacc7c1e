"""Models whose vectors are kept in fewer bytes answer nearly the same, and the same from disk, in batches and alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.vectors import as_stored, packed
from crossfade.retrieval.index import build_index
from crossfade.retrieval.session_model import SasRec
from crossfade.retrieval.two_tower import TwoTower
from crossfade.retrieval.user_tower import UserInputs
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from tests.builders import catalogue, dataset
from tests.retrieval import worlds
from tests.retrieval.clusters import LATER, cluster_catalogue, clusters, model
from tests.retrieval.forgetting import said

KINDS = ("float16", "int8")
STORED = {"float16": np.dtype(np.float16), "int8": np.dtype([("scale", "<f4"), ("codes", "i1", (8,))])}


def kept_as(kind: str) -> TwoTower:
    plain = model()
    return TwoTower(plain.settings, plain.index.model_copy(update={"vectors_as": kind}), plain.seed)


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return dataset(clusters(), cluster_catalogue())


@pytest.fixture(scope="module")
def plain(planted: Dataset) -> TwoTower:
    return model().fit(planted)


@pytest.fixture(scope="module", params=KINDS)
def fitted(request: pytest.FixtureRequest, planted: Dataset) -> TwoTower:
    return kept_as(request.param).fit(planted)


def test_training_is_the_same_and_vectors_are_packed(fitted: TwoTower, plain: TwoTower) -> None:
    kind: Any = fitted.index.vectors_as
    expected = packed(plain.track_vectors_, kind)
    assert as_stored(fitted.track_vectors_).dtype == STORED[kind]
    np.testing.assert_array_equal(as_stored(fitted.track_vectors_), as_stored(expected))
    np.testing.assert_array_equal(fitted.learnt_.weights["residuals"], plain.learnt_.weights["residuals"])


def test_listeners_get_nearly_the_same(fitted: TwoTower, plain: TwoTower, planted: Dataset) -> None:
    queries = planted.queries(np.arange(20, dtype=np.int32), LATER)
    (rows, scores), (_, plain_scores) = fitted.recommend(queries, 9), plain.recommend(queries, 9)
    np.testing.assert_allclose(scores, plain_scores, atol=0.02)
    artists = np.array([name[0] for name in planted.catalogue.tracks.ids.to_pylist()])[rows]
    assert (artists == np.array(["a", "b"] * 10)[:, None]).all()


def test_from_disk_in_batches_and_alone_the_answer_is_the_same(
    fitted: TwoTower, planted: Dataset, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = TwoTower.load(tmp_path, planted.catalogue)
    assert isinstance(as_stored(loaded.track_vectors_).base, np.memmap)
    queries = planted.queries(np.array([0, 1, 2, -1], np.int32), LATER)
    rows, scores = loaded.recommend(queries, 12)
    np.testing.assert_array_equal(rows, fitted.recommend(queries, 12)[0])
    np.testing.assert_array_equal(scores, fitted.recommend(queries, 12)[1])
    np.testing.assert_allclose(said(loaded, queries, rows), scores, atol=1e-6)
    for i in range(len(queries)):
        alone, its_scores = loaded.recommend(queries.slice(i, i + 1), 12)
        np.testing.assert_array_equal(alone[0], rows[i])
        np.testing.assert_allclose(its_scores[0], scores[i], atol=1e-6)


def test_the_saved_model_agrees(fitted: TwoTower, planted: Dataset, tmp_path: Path) -> None:
    from crossfade.retrieval.tensorflow_setup import tf

    fitted.save(tmp_path)
    queries = planted.queries(np.array([0, 1, 2], np.int32), LATER)
    inputs = UserInputs.of(queries, fitted.settings.history_length, np.zeros(0, np.int32), has_time=True)
    told = {
        "history": inputs.histories.rows,
        "ages": inputs.histories.ages,
        "plays": inputs.histories.plays.astype(np.float32),
        "country": inputs.country_rows,
        "traits": inputs.trait_rows,
        "user_bucket": inputs.user_rows,
    }
    serve = tf.saved_model.load(str(tmp_path / "user_tower")).signatures["serving_default"]
    found = serve(**{name: tf.constant(values) for name, values in told.items()})["user_vectors"].numpy()
    np.testing.assert_allclose(found, fitted.user_vectors(queries), atol=1e-5)


def test_an_index_finds_packed_vectors_exactly(fitted: TwoTower) -> None:
    queries = np.eye(8, dtype=np.float32)
    exact = fitted.index.model_copy(update={"backend": "exact"})
    rows, scores = build_index(fitted.track_vectors_, exact, queries).search(queries, 3)
    products = queries @ np.asarray(fitted.track_vectors_).T
    np.testing.assert_array_equal(rows[:, 0], products.argmax(axis=1))
    np.testing.assert_allclose(scores[:, 0], products.max(axis=1), atol=1e-6)


def test_more_tracks_leave_the_vectors_of_old_ones_as_they_were(plain: TwoTower) -> None:
    plays = [
        (f"u{user:02}", f"{'ab'[user % 2]}{track}", 1.0 + track / 50)
        for user in range(8)
        for track in range(40)
    ]
    rows = [
        {c.TRACK_ID: f"{artist}{i}", c.ARTIST_IDS: [artist], c.GENRES: [artist]}
        for artist in "ab"
        for i in range(40)
    ]
    before = kept_as("int8").fit(dataset(plays, catalogue(rows)))
    new = {c.TRACK_ID: "0", c.ARTIST_IDS: ["a"], c.GENRES: ["a"]}
    grown = dataset(plays, catalogue([*rows, new]))
    after = before.extended(grown)
    moved = grown.catalogue.tracks.rows(before.learnt_.catalogue.tracks.ids)
    assert moved[0] == 1
    np.testing.assert_array_equal(as_stored(after.track_vectors_)[moved], as_stored(before.track_vectors_))
    assert after.track_vectors_[0] @ after.track_vectors_[1:41].mean(axis=0) > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_model_is_the_same_from_disk(kind: str, tmp_path: Path) -> None:
    world, settings = worlds.planted(), worlds.tiny_settings()
    index = settings.index.model_copy(update={"vectors_as": kind})
    fitted = SasRec(settings.session_model, index, 1).fit(world)
    fitted.save(tmp_path)
    assert np.load(tmp_path / "track_vectors.npy").dtype == STORED[kind]
    loaded = SasRec.load(tmp_path, world.catalogue)
    queries = world.queries(np.arange(4, dtype=np.int32), worlds.NOW)
    for mine, theirs in zip(loaded.recommend(queries, 5), fitted.recommend(queries, 5), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_file_of_something_else_is_refused(fitted: TwoTower, planted: Dataset, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    np.save(tmp_path / "track_vectors.npy", np.zeros((len(planted.catalogue), 8), np.int64))
    with pytest.raises(IntegrityError, match=r"track_vectors\.npy holds int64 of 2 dimensions"):
        TwoTower.load(tmp_path, planted.catalogue)
