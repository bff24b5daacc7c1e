"""Replays: what followed with this very listener first, then what was played often and lately."""

import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.retrieval.replays import HALF_LIFE_DAYS, HALF_LIFE_TRACKS, PLAY_WEIGHT, Replays
from crossfade.retrieval.transitions import DECAY, DISCOUNT, STEPS, WINDOW
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
    replays = Replays().fit(WORLD)
    replays.has_time_ = False
    rows, scores = replays.recommend(QUERIES, 5)
    # After a: b 1 and c 1/2; shares of 1.5 and the discount of 1. The running a itself was followed by nothing yet.
    follows = np.array([0, 1 / 2.5, 0.5 / 2.5, 0])
    np.testing.assert_allclose(
        scores[0][np.argsort(rows[0])[1:]], follows + PLAY_WEIGHT * np.array([2, 1, 1, 4]), rtol=1e-6
    )


def test_a_batch_of_histories_equals_sums_by_hand() -> None:
    random = np.random.default_rng(3)
    lengths = [0, 1, 40, 90]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tracks = random.integers(0, 12, offsets[-1]).astype(np.int32)
    sessions = np.sort(random.integers(0, 30, offsets[-1])).astype(np.int32)
    seconds = np.sort(random.integers(0, 90 * DAY, offsets[-1]))
    n, ones = len(lengths), np.ones(offsets[-1], np.float32)
    known = np.zeros(n, np.int32), np.full(n, 91 * DAY), np.zeros(n, np.int32), np.ones(n, np.bool_)
    replays = Replays()
    replays.num_tracks_, replays.has_time_ = 12, True
    rows, scores = replays.recommend(Queries(*known, offsets, tracks, seconds, ones, sessions), 12)
    for query in range(n):
        own = slice(*offsets[query : query + 2])
        played, of, when = tracks[own], sessions[own], seconds[own]
        ages = (91 * DAY - when) / DAY
        weights = PLAY_WEIGHT * 0.5 ** (
            np.arange(len(played))[::-1] / HALF_LIFE_TRACKS + ages / HALF_LIFE_DAYS
        )
        expected = np.bincount(played, weights, 12)
        # Loud are the last 5 of the session, each half as much as the next; a step of s counts 1 / s.
        loud = np.zeros(12)
        for ago in range(min(WINDOW, len(played))):
            loud[played[-1 - ago]] += DECAY**ago * (of[-1 - ago] == of[-1])
        steps = [
            (played[at], played[at + step], 1 / step)
            for step in range(1, STEPS + 1)
            for at in range(len(played) - step)
            if of[at] == of[at + step] and loud[played[at]] > 0
        ]
        for track, follower, count in steps:
            total = sum(each for before, _, each in steps if before == track)
            expected[follower] += loud[track] * count / (total + DISCOUNT)
        found = rows[query] >= 0
        assert set(rows[query][found].tolist()) == set(played.tolist())
        np.testing.assert_allclose(scores[query][found], expected[rows[query][found]], rtol=1e-5)


def test_without_timestamps_plays_are_counted() -> None:
    replays = Replays().fit(WORLD)
    replays.has_time_ = False
    rows, scores = replays.recommend(QUERIES, 5)
    np.testing.assert_allclose(scores[0][rows[0] == 3], 4 * PLAY_WEIGHT, rtol=1e-6)
