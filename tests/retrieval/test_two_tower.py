import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.retrieval.contract import RETRIEVERS, retriever_class
from crossfade.retrieval.two_tower import TwoTower
from crossfade.retrieval.two_tower_inputs import word_rows
from crossfade.retrieval.user_tower import UserInputs
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError, TrainingError
from tests.builders import catalogue, dataset
from tests.retrieval.clusters import LATER, cluster_catalogue, clusters, model, names


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return dataset(clusters(), cluster_catalogue())


@pytest.fixture(scope="module")
def fitted(planted: Dataset) -> TwoTower:
    return model().fit(planted)


@pytest.fixture(scope="module")
def queries(planted: Dataset) -> Queries:
    """Users 0 to 3 and one that nobody knows."""
    return planted.queries(np.array([0, 1, 2, 3, -1], np.int32), LATER)


def test_users_get_the_tracks_of_their_cluster(fitted: TwoTower, planted: Dataset, queries: Queries) -> None:
    rows, scores = fitted.recommend(queries, 9)
    artists = np.array([[name[0] for name in names(planted, list_)] for list_ in rows[:4]])
    assert artists.tolist() == [["a"] * 9, ["b"] * 9] * 2
    assert (np.diff(scores, axis=1) <= 0).all()
    assert np.abs(np.linalg.norm(fitted.user_vectors(queries), axis=1) - 1).max() < 1e-5
    assert np.abs(np.linalg.norm(fitted.track_vectors_, axis=1) - 1).max() < 1e-5


def test_a_never_played_track_is_what_its_content_says(
    fitted: TwoTower, planted: Dataset, queries: Queries
) -> None:
    new_a, new_b = planted.catalogue.tracks.rows(["a_new", "b_new"])
    assert not fitted.learnt_.weights["residuals"][[new_a, new_b]].any()
    words = word_rows(planted, fitted.settings.text_buckets)[new_a]
    content = fitted.learnt_.weights["artists"][0] + fitted.learnt_.weights["genres"][0]
    content = content + fitted.learnt_.weights["words"][words[words >= 0]].mean(axis=0)
    np.testing.assert_allclose(fitted.track_vectors_[new_a], content / np.linalg.norm(content), atol=1e-5)
    scores = fitted.user_vectors(queries) @ fitted.track_vectors_.T
    artists = np.array([name[0] for name in planted.catalogue.tracks.ids.to_pylist()])
    assert scores[0, new_a] > scores[0, artists == "b"].max()
    assert scores[1, new_b] > scores[1, artists == "a"].max()


def test_an_unknown_user_is_answered(fitted: TwoTower, queries: Queries) -> None:
    rows, scores = fitted.recommend(queries.slice(4, 5), 3)
    assert (rows >= 0).all()
    assert np.isfinite(scores).all()


def test_batch_equals_single(fitted: TwoTower, queries: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, scores = fitted.recommend(queries, 7)
    for i in range(len(queries)):
        single_rows, single_scores = fitted.recommend(queries.slice(i, i + 1), 7)
        np.testing.assert_array_equal(single_rows[0], rows[i])
        np.testing.assert_allclose(single_scores[0], scores[i], atol=1e-6)
    monkeypatch.setattr("crossfade.retrieval.two_tower.QUERIES_PER_BLOCK", 2)
    np.testing.assert_allclose(fitted.recommend(queries, 7)[1], scores, atol=1e-6)
    assert fitted.user_vectors(queries.slice(0, 0)).shape == (0, 8)


def test_more_than_all_tracks_are_padded(fitted: TwoTower, planted: Dataset, queries: Queries) -> None:
    rows, scores = fitted.recommend(queries, 20)
    assert sorted(rows[0, :18]) == list(range(len(planted.catalogue)))
    assert (rows[:, 18:] == -1).all()
    assert np.isneginf(scores[:, 18:]).all()


def test_saving_and_loading_keep_the_answers(
    fitted: TwoTower, planted: Dataset, queries: Queries, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "saved")
    moved = (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = TwoTower.load(moved, planted.catalogue)
    np.testing.assert_array_equal(loaded.user_vectors(queries), fitted.user_vectors(queries))
    np.testing.assert_array_equal(loaded.recommend(queries, 7)[0], fitted.recommend(queries, 7)[0])
    assert isinstance(loaded.track_vectors_.base, np.memmap)
    assert loaded.history_ == fitted.history_
    assert (loaded.settings, loaded.index, loaded.seed) == (fitted.settings, fitted.index, fitted.seed)
    files = [path for path in moved.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in {".pkl", ".pickle"} or path.name == "fingerprint.pb"]
    assert not [path for path in files if str(tmp_path).encode() in path.read_bytes()]


def test_the_saved_model_and_numpy_agree(planted: Dataset, queries: Queries, tmp_path: Path) -> None:
    from crossfade.retrieval.tensorflow_setup import tf

    fitted = model(epochs=2, user_ids=True, user_buckets=50).fit(planted)
    traits = np.random.default_rng(0).integers(-1, 41, (len(queries), 6)).astype(np.int8)
    asked = replace(queries, traits=traits)
    fitted.learnt_.weights["traits"] += np.random.default_rng(1).normal(size=(41, 8)).astype(np.float32)
    fitted.save(tmp_path)
    serve = tf.saved_model.load(str(tmp_path / "user_tower")).signatures["serving_default"]
    inputs = UserInputs.of(asked, 5, fitted.learnt_.user_buckets, has_time=True)
    answer = serve(
        history=tf.constant(inputs.histories.rows),
        ages=tf.constant(inputs.histories.ages),
        plays=tf.constant(inputs.histories.plays.astype(np.float32)),
        country=tf.constant(inputs.country_rows),
        traits=tf.constant(inputs.trait_rows),
        user_bucket=tf.constant(inputs.user_rows),
    )
    np.testing.assert_allclose(answer["user_vectors"].numpy(), fitted.user_vectors(asked), atol=1e-5)
    assert np.abs(fitted.user_vectors(asked) - fitted.user_vectors(queries)).max() > 0.1


def test_loading_and_answering_need_no_tensorflow(fitted: TwoTower, planted: Dataset, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    planted.save(tmp_path / "dataset")
    script = f"""
import sys
from pathlib import Path
import numpy as np
from crossfade.features.dataset import Dataset
from crossfade.retrieval.two_tower import TwoTower
data = Dataset.load(Path({str(tmp_path / "dataset")!r}))
model = TwoTower.load(Path({str(tmp_path / "model")!r}), data.catalogue)
print(model.recommend(data.queries(np.array([0], np.int32), {LATER}), 3)[0].tolist(), "tensorflow" in sys.modules)
"""
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    expected = fitted.recommend(planted.queries(np.array([0], np.int32), LATER), 3)[0].tolist()
    assert printed.strip() == f"{expected} False"


def test_fitting_again_forgets_and_an_equal_seed_gives_equal_bytes(
    fitted: TwoTower, planted: Dataset
) -> None:
    again = model().fit(dataset([("x", "q1", 1.0), ("x", "q2", 2.0)])).fit(planted)
    np.testing.assert_array_equal(again.track_vectors_, fitted.track_vectors_)
    assert all(
        (again.learnt_.weights[name] == weights).all() for name, weights in fitted.learnt_.weights.items()
    )


def test_the_curve_tells_of_every_epoch(fitted: TwoTower) -> None:
    assert [epoch["epoch"] for epoch in fitted.history_] == [1, 2, 3, 4, 5, 6]
    assert set(fitted.history_[0]) == {"epoch", "loss", "validation_recall", "seconds", "examples_per_second"}
    losses = [epoch["loss"] for epoch in fitted.history_]
    assert all(loss is not None and np.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert fitted.history_[0]["validation_recall"] is None  # 40 users are too few to hold some out


def test_the_best_epoch_is_kept_and_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossfade.retrieval.two_tower_validation.MIN_USERS", 1)
    recalls = iter([0.2, 0.5, 0.4, 0.3, 0.9])
    kept = []

    def recall(_self: object, _users: object, tracks: Any) -> float:
        kept.append(np.array(tracks))
        return next(recalls)

    monkeypatch.setattr("crossfade.retrieval.two_tower_validation.Validation.recall", recall)
    learnt = model(patience=2).fit(dataset(clusters(), cluster_catalogue()))
    assert [epoch["validation_recall"] for epoch in learnt.history_] == [0.2, 0.5, 0.4, 0.3]
    np.testing.assert_array_equal(learnt.track_vectors_, kept[1])


def test_without_times_recency_means_nothing() -> None:
    timeless = dataset(clusters(8), cluster_catalogue(), split=Split(0, 0, 0, has_time=False))
    learnt = model(epochs=1).fit(timeless)
    one = np.array([0], np.int32)
    soon, late = (learnt.user_vectors(timeless.queries(one, day * SECONDS_PER_DAY)) for day in (20, 2000))
    np.testing.assert_array_equal(soon, late)


def test_one_user_five_tracks_and_no_content_are_enough() -> None:
    bare = catalogue([{c.TRACK_ID: name} for name in "vwxyz"])
    learnt = model(hard_negatives=2).fit(
        dataset([("u", "v", 1.0), ("u", "w", 2.0), ("u", "x", 3.0, -1.0)], bare)
    )
    rows, scores = learnt.recommend(
        dataset([("u", "v", 1.0)], bare).queries(np.array([0], np.int32), LATER), 8
    )
    assert sorted(rows[0]) == [-1, -1, -1, 0, 1, 2, 3, 4]
    assert np.isfinite(scores[0, :5]).all()


def test_no_positive_interaction_is_refused() -> None:
    with pytest.raises(
        TrainingError, match=r"at least one positive interaction .* got 0 among 1 interactions"
    ):
        model().fit(dataset([("u", "a", 1.0, -1.0)]))


def test_vectors_that_are_no_numbers_are_refused() -> None:
    one_step = dataset([("u", "a", 1.0), ("v", "b", 1.0)])
    with pytest.raises(TrainingError, match=r"vectors are not finite after training; .* now inf"):
        model(learning_rate=float("inf"), epochs=1).fit(one_step)


def test_a_catalogue_of_another_size_is_refused(fitted: TwoTower, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    with pytest.raises(IntegrityError, match="vectors of 18 tracks but the catalogue has 1"):
        TwoTower.load(tmp_path, catalogue([{c.TRACK_ID: "a"}]))


def test_the_registry_finds_it_by_name() -> None:
    assert retriever_class(c.TWO_TOWER) is TwoTower
    assert set(RETRIEVERS) == {*c.RADIO_SOURCES, c.SASREC, c.GRU4REC, c.ALS, c.EASE, c.ITEM2VEC, c.RELEASES}
