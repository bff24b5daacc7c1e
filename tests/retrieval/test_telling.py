"""What sources say of given tracks is what they return."""

import numpy as np
import pytest
import scipy.sparse

from crossfade.retrieval.contract import RETRIEVERS, Telling, retriever_class
from crossfade.retrieval.sources import unfitted
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.retrieval.telling import lists_at, product_at
from crossfade.schema import columns as c
from tests.retrieval import worlds

WORLD = worlds.planted()
QUERIES = WORLD.queries(np.array([0, 1, 2, 16, -1], np.int32), worlds.NOW)
EVERY = np.tile(np.arange(len(WORLD.catalogue), dtype=np.int32), (len(QUERIES), 1))


def test_all_sources_of_the_ranker_tell() -> None:
    telling = {name for name in RETRIEVERS if hasattr(retriever_class(name), "said")}
    assert telling == set(c.RETRIEVAL_SOURCES)


@pytest.mark.parametrize("name", c.RETRIEVAL_SOURCES)
def test_a_source_says_what_it_returns(name: str) -> None:
    source = unfitted(name, worlds.tiny_settings()).fit(WORLD)
    assert isinstance(source, Telling)
    rows, scores = source.recommend(QUERIES, len(WORLD.catalogue))
    returned = np.full(EVERY.shape, np.nan, np.float32)
    for query, (row, score) in enumerate(zip(rows, scores, strict=True)):
        returned[query, row[row >= 0]] = score[row >= 0]
    np.testing.assert_allclose(source.said(QUERIES, EVERY), returned, rtol=1e-5)
    backwards = source.said(QUERIES, EVERY[:, ::-1])
    np.testing.assert_array_equal(backwards[:, ::-1], source.said(QUERIES, EVERY))
    padded = source.said(QUERIES, np.where(EVERY % 2, EVERY, -1).astype(np.int32))
    assert np.isnan(padded[:, ::2]).all()


def test_a_product_is_read_at_wanted_columns() -> None:
    random = np.random.default_rng(0)
    matrix = scipy.sparse.random(12, 5000, 0.3, "csr", np.float32, random)
    offsets = np.array([0, 3, 3, 8], np.int64)
    weights = SparseRows.summed(
        offsets, random.permutation(12)[:8, None].astype(np.int32), random.random((8, 1)), 12
    )
    # Columns 256 apart meet in the table of wanted tracks.
    rows = np.array([[5, 261, 517, -1], [5, 1, 2, 3], [4999, 261, -1, 4743]], np.int32)
    whole = (weights @ matrix).scipy().toarray()
    expected = np.where(rows >= 0, np.take_along_axis(whole, np.maximum(rows, 0), axis=1), 0)
    expected = np.where(expected > 0, expected, np.nan)
    np.testing.assert_array_equal(product_at(weights, matrix, rows), expected)
    np.testing.assert_allclose(lists_at(weights, matrix.T.tocsr(), rows), expected, rtol=1e-6)
