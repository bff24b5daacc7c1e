"""The sizes of tables that are compared, and the figures over seeds."""

import numpy as np

from benchmarks.hashed_ids import A_ROW_EACH, NO_IDS, ways
from tests.retrieval.clusters import cluster_catalogue


def test_tables_shrink_with_the_ratio() -> None:
    # Eighteen tracks of two artists.
    assert ways(cluster_catalogue(), (2, 32)) == {
        A_ROW_EACH: {},
        "2_ids_a_row": {"track_buckets": 9, "artist_buckets": 1},
        "32_ids_a_row": {"track_buckets": 1, "artist_buckets": 1},
        NO_IDS: {"track_buckets": 1, "artist_buckets": 1},
    }
    assert np.all(
        [change >= 1 for way in ways(cluster_catalogue(), (99,)).values() for change in way.values()]
    )
