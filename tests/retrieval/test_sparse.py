"""Sparse matrices of histories and answers, against NumPy."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from crossfade.retrieval import sparse
from crossfade.retrieval.sparse import (
    best_of_rows,
    history_matrix,
    load_matrix,
    rows_of,
    save_matrix,
    top_of_product,
    top_of_rows,
)
from crossfade.retrieval.sparse_rows import SparseRows
from tests import builders


def test_history_matrix_sums_what_repeats_and_skips_what_is_unknown() -> None:
    plays = [("ann", "a", 1.0), ("ann", "b", 2.0), ("ann", "a", 3.0), ("ben", "b", 1.0)]
    queries = builders.dataset(plays).queries(np.array([0, -1, 1], np.int32), 10**9)
    columns = np.array([2, -1, 2, 0], np.int32)
    matrix = history_matrix(queries, columns, np.array([1.0, 2.0, 4.0, 8.0]), 3)
    assert matrix.scipy().toarray().tolist() == [[0, 0, 5], [0, 0, 0], [8, 0, 0]]


def test_history_matrix_takes_several_columns_an_entry() -> None:
    queries = builders.dataset([("ann", "a", 1.0), ("ben", "a", 1.0)]).queries(
        np.array([0, 1], np.int32), 10**9
    )
    columns = np.array([[1, 0], [1, -1]], np.int32)
    matrix = history_matrix(queries, columns, np.array([[1.0, 0.5], [1.0, 0.0]]), 2)
    assert matrix.scipy().toarray().tolist() == [[0.5, 1], [0, 1]]


def test_top_of_rows_equals_a_stable_sort() -> None:
    random = np.random.default_rng(1)
    # Few distinct values, so that ties are common, also across the cut.
    dense = random.integers(-1, 4, (50, 20)).astype(np.float32)
    shuffled = scipy.sparse.csr_matrix(dense)[:, ::-1]  # columns of a row in falling order
    for k in (1, 5, 30):
        rows, scores = top_of_rows(shuffled, k)
        for values, found, score in zip(dense[:, ::-1], rows, scores, strict=True):
            order = [column for column in np.argsort(-values, kind="stable") if values[column] > 0][:k]
            assert found.tolist() == order + [-1] * (k - len(order))
            assert score[: len(order)].tolist() == values[order].tolist()
            assert np.isneginf(score[len(order) :]).all()


def test_best_of_rows_is_the_ranking_of_all_rows_whatever_is_ranked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dense = np.random.default_rng(1).integers(-1, 4, (50, 20)).astype(np.float32)
    matrix = scipy.sparse.csr_matrix(dense)
    wanted = rows_of(top_of_rows(matrix, 5), 20)
    for at_once in (7, 50, 100):
        monkeypatch.setattr(sparse, "RANKED_AT_ONCE", at_once)
        found = best_of_rows(matrix, 5)
        for part in ("indptr", "indices", "data"):
            assert getattr(found, part).tolist() == getattr(wanted, part).tolist()
    assert best_of_rows(matrix[:0], 5).shape == (0, 20)


def test_top_of_an_empty_matrix_is_padding() -> None:
    rows, scores = top_of_rows(scipy.sparse.csr_matrix((2, 3), dtype=np.float32), 2)
    assert rows.tolist() == [[-1, -1]] * 2
    assert np.isneginf(scores).all()


def test_rows_of_keeps_order_within_rows(tmp_path: Path) -> None:
    ranking = (
        np.array([[4, 1, -1], [-1, -1, -1], [0, 2, 3]], np.int32),
        np.arange(9, dtype=np.float32).reshape(3, 3),
    )
    matrix = rows_of(ranking, 5)
    save_matrix(matrix, tmp_path / "matrix.arrow")
    for kept in (matrix, load_matrix(tmp_path / "matrix.arrow", 5)):
        assert kept.indices.tolist() == [4, 1, 0, 2, 3]
        assert kept.indptr.tolist() == [0, 2, 2, 5]
        assert kept.shape == (3, 5)
        assert kept.data.tolist() == [0, 1, 6, 7, 8]


def test_a_matrix_without_rows_is_saved_too(tmp_path: Path) -> None:
    save_matrix(scipy.sparse.csr_matrix((0, 4), dtype=np.float32), tmp_path / "matrix.arrow")
    assert load_matrix(tmp_path / "matrix.arrow", 4).shape == (0, 4)


def test_the_best_of_many_are_those_of_a_sort() -> None:
    random = np.random.default_rng(2)
    # Scores of many magnitudes and of one: buckets that hold few, and one that holds nearly all.
    wide = np.exp(random.normal(0, 9, (4, 3000))).astype(np.float32)
    narrow = (1 + random.random((4, 3000)) / 64).astype(np.float32)
    for dense in (wide, narrow):
        rows, scores = top_of_rows(scipy.sparse.csr_matrix(dense), 400)
        expected = np.argsort(-dense, axis=1, kind="stable")[:, :400]
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_array_equal(scores, np.take_along_axis(dense, expected, axis=1))


def test_top_of_a_product_is_that_of_its_rows() -> None:
    random = np.random.default_rng(4)
    lists = scipy.sparse.random(30, 200, 0.2, "csr", np.float32, random)
    owners = np.sort(random.integers(0, 9, 60))
    offsets = np.searchsorted(owners, np.arange(10))
    columns, values = random.integers(0, 30, (60, 1)).astype(np.int32), random.random((60, 1)) - 0.1
    weights = SparseRows.summed(offsets, columns, values, 30)
    for found, expected in zip(
        top_of_product(weights, lists, 25), top_of_rows(weights @ lists, 25), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    nothing = SparseRows.summed(np.zeros(4, np.int64), columns[:0], values[:0], 30)
    assert (top_of_product(nothing, lists, 2)[0] == -1).all()


def test_columns_of_64_bits_are_read_as_they_are() -> None:
    """Scipy takes them beyond 2^31 entries."""
    matrix = scipy.sparse.random(50, 50, 0.3, "csr", np.float32, random_state=np.random.default_rng(2))
    weights = SparseRows(np.array([0, 3]), np.array([4, 0, 9], np.int32), np.ones(3, np.float32), 50)
    expected = top_of_product(weights, matrix, 5)
    matrix.indices = matrix.indices.astype(np.int64)
    for ours, theirs in zip(top_of_product(weights, matrix, 5), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_near_values_share_buckets_and_are_told_apart_nevertheless() -> None:
    """Values of one bucket fall into finer ones, and equal ones stay: the lower columns are first."""
    random = np.random.default_rng(3)
    values = np.concatenate([1 + random.random(3000) * 1e-3, np.full(500, 1.0005), [0.0, -1.0]]).astype(
        np.float32
    )
    random.shuffle(values)
    matrix = scipy.sparse.csr_matrix(values[None])
    # The oracle: all sorted by falling value, then by column.
    expected = np.lexsort((np.arange(len(values)), -values))
    for k in (1, 700, 1600, 1700, 3400):
        rows, scores = top_of_rows(matrix, k)
        np.testing.assert_array_equal(rows[0], expected[:k])
        np.testing.assert_array_equal(scores[0], values[expected[:k]])
