"""An index in parts finds what one over the whole finds; its oracle sorts every inner product."""

from pathlib import Path

import numpy as np
import pytest

from crossfade.retrieval import index_scann
from crossfade.retrieval.index import build_index, load_index
from crossfade.retrieval.index_scann import recall_against
from crossfade.retrieval.index_sharded import ShardedIndex, asked_of_each
from tests.retrieval.test_index import needs_scann, oracle, settings, unit_vectors

pytestmark = needs_scann


def test_parts_find_the_best_of_all(tmp_path: Path) -> None:
    vectors, queries = unit_vectors(701), unit_vectors(40, seed=1)
    index = build_index(vectors, settings().model_copy(update={"shards": 3}), queries)
    assert isinstance(index, ShardedIndex)
    assert [part.num_tracks for part in index.parts] == [234, 234, 233]
    assert not index.is_exact
    rows, products = index.search(queries, 10)
    expected_rows, expected = oracle(vectors, queries, 10)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(products, expected, atol=1e-5)
    assert (rows.dtype, products.dtype, index.recall_) == (np.int32, np.float32, 1.0)
    index.save(tmp_path / "a")
    loaded = load_index((tmp_path / "a").rename(tmp_path / "b"), vectors)
    assert isinstance(loaded, ShardedIndex)
    np.testing.assert_array_equal(loaded.search(queries, 10)[0], rows)
    assert (loaded.recall_, loaded.num_tracks) == (index.recall_, 701)


def test_more_parts_than_tracks_and_less_tracks_than_k() -> None:
    vectors = np.eye(3, dtype=np.float32)
    index = build_index(vectors, settings(recall_at=3).model_copy(update={"shards": 8}), vectors)
    rows, products = index.search(vectors[1:2], 5)
    assert rows[0].tolist()[:1] == [1]
    assert sorted(rows[0, :3]) == [0, 1, 2]
    assert rows[0, 3:].tolist() == [-1, -1]
    assert np.isneginf(products[0, 3:]).all()
    assert index.search(vectors[:0], 5)[0].shape == (0, 5)


def test_trees_in_parts_are_measured_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_scann, "BRUTE_FORCE_TRACKS", 500)
    vectors, queries = unit_vectors(3000), unit_vectors(100, seed=1)
    asked = settings(min_recall=0.9).model_copy(update={"shards": 3, "stored_as": "int8"})
    index = build_index(vectors, asked, queries)
    judges = queries[1::2]
    measured = recall_against(oracle(vectors, judges, 50)[0], index.search(judges, 50)[0])
    assert index.recall_ == pytest.approx(measured)
    assert measured >= 0.9


@pytest.mark.parametrize(("k", "num_parts", "asked"), [(500, 1, 500), (500, 4, 170), (10, 4, 9), (3, 8, 3)])
def test_each_part_is_asked_for_its_share_and_some_more(k: int, num_parts: int, asked: int) -> None:
    # 500 / 4 = 125, and 4 * sqrt(125) = 44.7 more; 2.5 + 4 * sqrt(2.5) = 8.8; never more than k.
    assert asked_of_each(k, num_parts) == asked
