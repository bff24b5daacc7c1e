"""What sources say of given tracks is what they return."""

import numpy as np
import pytest

from crossfade.retrieval.contract import RETRIEVERS, Telling, retriever_class
from crossfade.retrieval.sources import unfitted
from crossfade.schema import columns as c
from tests.retrieval import worlds
from tests.retrieval.forgetting import said

WORLD = worlds.planted()
QUERIES = WORLD.queries(np.array([0, 1, 2, 16, -1], np.int32), worlds.NOW)
EVERY = np.tile(np.arange(len(WORLD.catalogue), dtype=np.int32), (len(QUERIES), 1))


def test_all_sources_of_the_ranker_tell_or_recall() -> None:
    classes = {name: retriever_class(name) for name in RETRIEVERS}
    telling = {name for name, kind in classes.items() if hasattr(kind, "said")}
    recalling = {name for name, kind in classes.items() if hasattr(kind, "recalled")}
    assert telling | recalling == set(c.RETRIEVAL_SOURCES)
    assert telling == {c.ALS}
    assert not telling & recalling


@pytest.mark.parametrize("name", c.RETRIEVAL_SOURCES)
def test_a_source_says_what_it_returns(name: str) -> None:
    source = unfitted(name, worlds.tiny_settings()).fit(WORLD)
    assert isinstance(source, Telling) == (name == c.ALS)
    rows, scores = source.recommend(QUERIES, len(WORLD.catalogue))
    returned = np.full(EVERY.shape, np.nan, np.float32)
    for query, (row, score) in enumerate(zip(rows, scores, strict=True)):
        returned[query, row[row >= 0]] = score[row >= 0]
    np.testing.assert_allclose(said(source, QUERIES, EVERY), returned, rtol=1e-5)
    backwards = said(source, QUERIES, EVERY[:, ::-1])
    np.testing.assert_array_equal(backwards[:, ::-1], said(source, QUERIES, EVERY))
    padded = said(source, QUERIES, np.where(EVERY % 2, EVERY, -1).astype(np.int32))
    assert np.isnan(padded[:, ::2]).all()
