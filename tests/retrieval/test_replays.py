"""Replays: what followed with this very listener first, then what was played often and lately."""

import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval.replays import PLAY_WEIGHT, Replays, own_followers
from tests import builders

MINUTE = 1 / 1440
DAY = SECONDS_PER_DAY
# An album a b c was played through, d often since; now a plays again.
WORLD = builders.dataset(
    [
        ("ann", "a", 1.0),
        ("ann", "b", 1.0 + MINUTE),
        ("ann", "c", 1.0 + 2 * MINUTE),
        *(("ann", "d", 2.0 + day) for day in range(4)),
        ("ann", "e", 7.0, -1.0),
        ("ann", "a", 9.0),
    ]
)
QUERIES = WORLD.queries(np.array([0], np.int32), 9 * DAY + 60)


def test_the_album_goes_on_where_it_went_on_before() -> None:
    rows, _ = Replays().fit(WORLD).recommend(QUERIES, 5)
    assert "".join(WORLD.catalogue.tracks.names(rows[0][rows[0] >= 0])) == "bcda"


def test_own_shares_follow_by_counting() -> None:
    # After a: b 1 and c 1/2; shares of 1.5 and the discount of 1. The running a itself was followed by nothing yet.
    found = own_followers(QUERIES.positives, 5).scipy().toarray()[0]
    np.testing.assert_allclose(found, [0, 1 / 2.5, 0.5 / 2.5, 0, 0], rtol=1e-6)


def test_without_timestamps_plays_are_counted() -> None:
    replays = Replays().fit(WORLD)
    replays.has_time_ = False
    rows, scores = replays.recommend(QUERIES, 5)
    np.testing.assert_allclose(scores[0][rows[0] == 3], 4 * PLAY_WEIGHT, rtol=1e-6)
