import numpy as np

from crossfade.ranking.prior import fused_ranks, prior_of
from crossfade.schema.columns import RANKING_FEATURES, RETRIEVAL_SOURCES
from crossfade.schema.tasks import DISCOVERY


def test_the_prior_is_reciprocal_rank_fusion() -> None:
    features = np.full((2, len(RANKING_FEATURES)), np.nan, np.float32)
    features[0, RANKING_FEATURES.index("two_tower_rank")] = 0
    features[0, RANKING_FEATURES.index("popular_rank")] = 60
    expected = np.zeros((2, len(RETRIEVAL_SOURCES)))
    expected[0, RETRIEVAL_SOURCES.index("two_tower")] = 1.5  # 1.5 x 60 / 60
    expected[0, RETRIEVAL_SOURCES.index("popular")] = 0.75  # 1.5 x 60 / 120
    assert fused_ranks(features, DISCOVERY).tolist() == expected.tolist()


def test_the_prior_of_a_candidate_is_the_sum_of_what_its_ranks_add() -> None:
    random = np.random.default_rng(0)
    features = np.where(random.random((50, len(RANKING_FEATURES))) < 0.3, np.nan, random.integers(0, 400, 1))
    features = features.astype(np.float32)
    np.testing.assert_array_equal(prior_of(features, DISCOVERY), fused_ranks(features, DISCOVERY).sum(axis=1))
