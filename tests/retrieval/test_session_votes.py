"""Sessions vote as sums of arrays say."""

import numpy as np
import pytest
import scipy.sparse

from crossfade.features.interactions import Queries
from crossfade.retrieval.session_knn import SessionKnn
from crossfade.retrieval.session_votes import drop_oldest
from crossfade.retrieval.sparse import BUCKETS


@pytest.mark.parametrize(
    ("most", "recent"), [(60, 1), (60, 20), (60, 40), (BUCKETS * 300, 37), (BUCKETS, 40)]
)
def test_the_newest_are_the_largest_columns(most: int, recent: int) -> None:
    random = np.random.default_rng(recent)
    columns = random.choice(most, 40, replace=False).astype(np.int32)
    values = random.random(40, np.float32)
    kept = np.isin(columns, np.sort(columns)[-recent:])
    expected = np.where(kept, values, 0)
    drop_oldest(columns, values, recent, np.empty(BUCKETS, np.int32))
    np.testing.assert_array_equal(values, expected)


def test_votes_are_sums_over_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossfade.retrieval.session_knn.RECENT", 25)
    monkeypatch.setattr("crossfade.retrieval.session_knn.NEIGHBOURS", 9)
    random = np.random.default_rng(2)
    held = (random.random((80, 30)) < 0.15).astype(np.float32)
    model = SessionKnn()
    model._hold(scipy.sparse.csr_matrix(held))
    lengths = [0, 1, 7, 12]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tracks = random.integers(0, 30, offsets[-1]).astype(np.int32)
    sessions = np.concatenate([[0], np.repeat([1, 2], [3, 4]), np.repeat([3, 4], [6, 6])]).astype(np.int32)
    n, ones = len(lengths), np.ones(offsets[-1], np.float32)
    known = np.zeros(n, np.int32), np.zeros(n, np.int64), np.zeros(n, np.int32), np.ones(n, np.bool_)
    queries = Queries(*known, offsets, tracks, np.arange(offsets[-1]), ones, sessions)
    rows, scores = model.recommend(queries, 30)
    for query in range(n):
        own = slice(*offsets[query : query + 2])
        last = tracks[own][sessions[own] == sessions[own][-1:]] if lengths[query] else tracks[:0]
        # Cosine of a session: sum over the last one's tracks in it of 1 / (1 + g)^2, by the root of its length.
        asking = np.zeros(30)
        np.add.at(asking, last[::-1], 1 / (1 + np.arange(len(last))) ** 2)
        alike = held @ asking / np.sqrt(np.maximum(held.sum(axis=1), 1))
        sharing = np.flatnonzero(alike > 0)
        alike[sharing[:-25]] = 0
        nearest = np.argsort(-alike.astype(np.float32), kind="stable")[:9]
        votes = alike[nearest] @ held[nearest]
        found = rows[query] >= 0
        assert set(rows[query][found].tolist()) == set(np.flatnonzero(votes > 0).tolist())
        np.testing.assert_allclose(scores[query][found], votes[rows[query][found]], rtol=1e-5)
