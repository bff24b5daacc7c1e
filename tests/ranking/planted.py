"""Candidates whose wanted ones follow from one feature, not from the sources' ranks."""

from typing import Any

import numpy as np

from crossfade.schema.columns import RANKING_FEATURES

GROUP = 20
RULE = RANKING_FEATURES.index("user_artist_share")


def planted(num_groups: int, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """Features, labels, sizes and users: the three candidates of a query with the highest rule value are wanted."""
    random = np.random.default_rng(seed)
    features = random.random((num_groups * GROUP, len(RANKING_FEATURES)), np.float32)
    features[random.random(features.shape) < 0.05] = np.nan
    features[:, RULE] = random.random(len(features))
    by_group = features[:, RULE].reshape(num_groups, GROUP)
    labels = (np.argsort(np.argsort(by_group, axis=1), axis=1) >= GROUP - 3).astype(np.int32).ravel()
    sizes = np.full(num_groups, GROUP, np.int64)
    return features, labels, sizes, np.arange(num_groups, dtype=np.int32) % max(num_groups // 2, 1)
