import json
import logging
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.interactions import Floats
from crossfade.retrieval import index_scann
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.index import Index, build_index, load_index
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.retrieval.index_scann import ScannIndex, recall_against
from crossfade.schema.errors import IntegrityError, MissingExtraError, SettingsError, TrainingError
from crossfade.schema.settings import IndexSettings

needs_scann = pytest.mark.skipif(not index_scann.has_scann(), reason="scann is not installed")
BACKENDS = ["exact", pytest.param("scann", marks=needs_scann)]


def settings(backend: str = "auto", *, min_recall: float = 0.95, recall_at: int = 50) -> IndexSettings:
    return IndexSettings(backend=backend, min_recall=min_recall, recall_at=recall_at)  # type: ignore[arg-type]


def unit_vectors(num: int, *, dim: int = 16, seed: int = 0) -> Floats:
    """Vectors around 20 planted centres, of length 1."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(20, dim))
    vectors = centres[random.integers(0, 20, num)] + 0.5 * random.normal(size=(num, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def oracle(vectors: Floats, queries: Floats, k: int) -> Ranking:
    """Sort every inner product."""
    products = queries @ vectors.T
    rows = np.argsort(-products, axis=1)[:, :k]
    return rows.astype(np.int32), np.take_along_axis(products, rows, axis=1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_search_finds_the_largest_inner_products(backend: str) -> None:
    vectors, queries = unit_vectors(700), unit_vectors(300, seed=1)
    index = build_index(vectors, settings(backend), queries)
    rows, scores = index.search(queries, 10)
    expected_rows, expected_scores = oracle(vectors, queries, 10)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert rows.dtype == np.int32
    assert scores.dtype == np.float32
    assert index.is_exact


@pytest.mark.parametrize("backend", BACKENDS)
def test_fewer_tracks_than_k_are_padded(backend: str) -> None:
    vectors = np.eye(3, dtype=np.float32)
    index = build_index(vectors, settings(backend), vectors)
    rows, scores = index.search(vectors[:1], 5)
    assert rows[0, 0] == 0
    assert sorted(rows[0, :3]) == [0, 1, 2]
    np.testing.assert_array_equal(rows[0, 3:], [-1, -1])
    np.testing.assert_array_equal(scores[0, 3:], [-np.inf, -np.inf])


@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_equals_single_and_no_query_gives_no_row(backend: str) -> None:
    vectors, queries = unit_vectors(90), unit_vectors(4, seed=1)
    index = build_index(vectors, settings(backend), queries)
    batch_rows, batch_scores = index.search(queries, 7)
    singles = [index.search(queries[i : i + 1], 7) for i in range(4)]
    np.testing.assert_array_equal(batch_rows, np.concatenate([rows for rows, _ in singles]))
    np.testing.assert_allclose(batch_scores, np.concatenate([scores for _, scores in singles]), atol=1e-6)
    assert index.search(queries[:0], 7)[0].shape == (0, 7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_saving_and_loading_keep_the_answers(backend: str, tmp_path: Path) -> None:
    vectors, queries = unit_vectors(90), unit_vectors(4, seed=1)
    index = build_index(vectors, settings(backend), queries)
    index.save(tmp_path / "a")
    moved = (tmp_path / "a").rename(tmp_path / "b")
    loaded = load_index(moved, vectors)
    np.testing.assert_array_equal(index.search(queries, 9)[0], loaded.search(queries, 9)[0])
    assert loaded.recall_ == index.recall_
    assert type(loaded) is type(index)
    assert all(str(tmp_path).encode() not in path.read_bytes() for path in moved.iterdir())
    assert not list(moved.glob("*.pkl"))


def test_exact_merges_blocks_of_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = unit_vectors(101), unit_vectors(11, seed=1)
    whole = ExactIndex(vectors).search(queries, 13)
    monkeypatch.setattr("crossfade.retrieval.index_exact.TRACKS_PER_BLOCK", 10)
    monkeypatch.setattr("crossfade.retrieval.index_exact.QUERIES_PER_BLOCK", 4)
    blocked = ExactIndex(vectors).search(queries, 13)
    np.testing.assert_array_equal(whole[0], blocked[0])
    np.testing.assert_allclose(whole[1], blocked[1], atol=1e-6)
    assert ExactIndex(vectors[:0]).search(queries, 3)[0].tolist() == [[-1, -1, -1]] * 11


@needs_scann
def test_large_catalogue_gets_a_tree_that_reaches_the_floor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(index_scann, "BRUTE_FORCE_TRACKS", 1000)
    vectors, queries = unit_vectors(4000), unit_vectors(300, seed=1)
    index = build_index(vectors, settings(min_recall=0.9), queries)
    assert isinstance(index, ScannIndex)
    assert not index.is_exact
    judges = queries[1::2]  # the other half chose how widely to search
    measured = recall_against(oracle(vectors, judges, 50)[0], index.search(judges, 50)[0])
    assert index.recall_ == pytest.approx(measured)
    assert measured >= 0.9
    index.save(tmp_path)
    loaded = load_index(tmp_path, vectors)
    about = json.loads((tmp_path / "index.json").read_text())
    assert about["recall"] == index.recall_
    np.testing.assert_array_equal(loaded.search(queries, 50)[0], index.search(queries, 50)[0])
    assert isinstance(about["reordering"], int)  # as releases before 1.2 times k knew it
    del about["reordering_exact"]
    (tmp_path / "index.json").write_text(json.dumps(about))
    older = load_index(tmp_path, vectors)
    assert isinstance(older, ScannIndex)
    assert older.reordering == about["reordering"]
    assert older.search(queries, 50)[0].shape == (300, 50)


@needs_scann
@pytest.mark.parametrize(("stored_as", "share"), [("bfloat16", 0.65), ("int8", 0.5)])
def test_a_tree_of_smaller_vectors_takes_less_and_finds_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored_as: str, share: float
) -> None:
    monkeypatch.setattr(index_scann, "BRUTE_FORCE_TRACKS", 1000)
    vectors, queries = unit_vectors(3000), unit_vectors(100, seed=1)
    sizes, answers = [], []
    for kept in ("float32", stored_as):
        index = build_index(vectors, settings(min_recall=0.9).model_copy(update={"stored_as": kept}), queries)
        index.save(tmp_path / kept)
        sizes.append(sum(path.stat().st_size for path in (tmp_path / kept).iterdir()))
        answers.append(load_index(tmp_path / kept, vectors).search(queries, 50)[0])
    assert sizes[1] < share * sizes[0]
    assert recall_against(answers[0], answers[1]) > 0.95


@needs_scann
def test_recall_below_the_floor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_scann, "BRUTE_FORCE_TRACKS", 1000)
    monkeypatch.setattr(index_scann, "SEARCHES", ((0.02, 1),))
    noise = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
    with pytest.raises(TrainingError, match=r"recall@50 of at least 1\.0 .* ScaNN reached 0\.\d+"):
        build_index(noise, settings("scann", min_recall=1.0), noise[:100] + 0.5)


@needs_scann
def test_scann_needs_queries_to_measure_with() -> None:
    with pytest.raises(TrainingError, match="query vectors to measure its recall; got 0"):
        build_index(unit_vectors(20), settings("scann"), unit_vectors(0))


def test_recall_counts_exact_answers_found_anywhere() -> None:
    truth = np.array([[0, 1], [2, 3]], np.int32)
    found = np.array([[1, 7], [3, 2]], np.int32)  # one of two, two of two
    assert recall_against(truth, found) == pytest.approx(0.75)
    assert recall_against(truth, np.array([[2, 3], [0, 1]], np.int32)) == 0


def test_auto_says_why_it_is_exact(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    vectors = unit_vectors(20)
    monkeypatch.setattr(index_scann, "has_avx2", lambda: False)
    with caplog.at_level(logging.WARNING):
        index: Index = build_index(vectors, settings("auto"), vectors)
    assert isinstance(index, ExactIndex)
    assert "a CPU with AVX2" in caplog.text or "the package scann" in caplog.text
    monkeypatch.setattr(index_scann, "has_scann", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert isinstance(build_index(vectors, settings("auto"), vectors), ExactIndex)
    assert "needs the package scann" in caplog.text


def test_scann_asked_for_but_impossible_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit_vectors(20)
    monkeypatch.setattr(index_scann, "has_scann", lambda: True)
    monkeypatch.setattr(index_scann, "has_avx2", lambda: False)
    with pytest.raises(SettingsError, match=r"index\.backend='scann' needs a CPU with AVX2"):
        build_index(vectors, settings("scann"), vectors)
    monkeypatch.setattr(index_scann, "has_scann", lambda: False)
    with pytest.raises(MissingExtraError, match=r"scann is needed .*crossfade\[train\]"):
        build_index(vectors, settings("scann"), vectors)


def test_an_index_of_other_vectors_is_refused(tmp_path: Path) -> None:
    build_index(unit_vectors(20), settings("exact"), unit_vectors(0)).save(tmp_path)
    with pytest.raises(IntegrityError, match="of 20 tracks but there are 19 track vectors"):
        load_index(tmp_path, unit_vectors(19))


@needs_scann
def test_a_scann_index_is_read_as_exact_where_scann_cannot_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vectors = unit_vectors(20)
    build_index(vectors, settings("scann"), vectors).save(tmp_path)
    monkeypatch.setattr(index_scann, "has_avx2", lambda: False)
    assert isinstance(load_index(tmp_path, vectors), ExactIndex)


@needs_scann
def test_a_recall_is_sure_three_standard_errors_below_its_mean() -> None:
    truth = np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.int32)
    found = np.array([[1, 0], [2, 9], [5, 4], [7, -1]], np.int32)
    # Shares of 1, 1/2, 1 and 1/2: mean 3/4, deviation 1/4, so the standard error of four is 1/8.
    assert recall_against(truth, found) == 0.75
    assert index_scann._sure_recall(truth, found) == pytest.approx(0.75 - 3 / 8)
