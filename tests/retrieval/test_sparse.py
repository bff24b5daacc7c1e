"""Sparse matrices of histories and answers, against NumPy."""

from pathlib import Path

import numpy as np
import scipy.sparse

from crossfade.retrieval.sparse import history_matrix, load_matrix, rows_of, save_matrix, top_of_rows
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
