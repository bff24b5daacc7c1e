"""Features of what is left of histories are those of histories that were cut."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from crossfade.features.candidates import Candidates
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.features.left import Left
from crossfade.features.ranking_features import ranking_features
from crossfade.features.statistics import Statistics
from crossfade.schema import columns as c
from crossfade.schema.tasks import DISCOVERY
from tests import builders

NOW, NUM_TRACKS, NUM_USERS, PLAYS = 10**7, 30, 4, 90


def heard(user: int) -> tuple[int, int]:
    """Return the first track that a user hears, and the one behind the last: every other user hears few, of few genres."""
    return (6 * user, 6 * user + 3) if user % 2 else (0, NUM_TRACKS)


def world(seed: int) -> Dataset:
    """Long histories of few tracks, with skips and saves, short and long sessions, and tracks of which nothing is known."""
    random = np.random.default_rng(seed)
    moments = np.cumsum(random.choice([60, 240, 90_000], (NUM_USERS, PLAYS), p=[0.6, 0.37, 0.03]), axis=1)
    listens = [
        (f"u{user}", f"t{int(random.integers(*heard(user))):02}", 1 + moments[user, play] / 86_400)
        for user in range(NUM_USERS)
        for play in range(PLAYS)
    ]
    tracks = builders.catalogue(
        [
            {
                "track_id": f"t{track:02}",
                "artist_ids": [] if track % 10 == 9 else [f"a{track % 5}"],
                "album_id": None if track % 7 == 6 else f"l{track % 4}",
                "genres": [f"h{track // 6}", f"g{track % 3}", "x"][: track % 4],
            }
            for track in range(NUM_TRACKS)
        ]
    )
    data = builders.dataset(listens, tracks)
    strengths = random.choice([1, 5, 0, -0.37, -1], len(data.interactions), p=[0.5, 0.1, 0.1, 0.2, 0.1])
    return replace(data, interactions=replace(data.interactions, strengths=strengths.astype(np.float32)))


def parts(queries: Queries, random: np.random.Generator) -> tuple[Left, npt.NDArray[np.bool_]]:
    """Take nothing, everything, the end, single tracks and random entries from histories."""
    owners = np.array([0, 0, 1, 1, 2, 2, 3, 4, 0, 3], np.int64)
    lost = []
    for number, owner in enumerate(owners):
        span = np.arange(queries.offsets[owner], queries.offsets[owner + 1])
        is_gone = {
            0: np.zeros(len(span), np.bool_),
            1: np.ones(len(span), np.bool_),
            2: np.arange(len(span)) > len(span) - 25,  # the last sessions, and more
            3: np.isin(queries.track_rows[span], random.choice(queries.track_rows, 4)),
            4: random.random(len(span)) < 0.5,
        }[number % 5]
        lost.append(span[is_gone])
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in lost])]).astype(np.int64)
    keeps = np.concatenate(
        [
            ~np.isin(np.arange(queries.offsets[owner], queries.offsets[owner + 1]), each)
            for owner, each in zip(owners, lost, strict=True)
        ]
    )
    return Left(queries, owners, offsets, np.concatenate(lost).astype(np.int64)), keeps


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("has_time", [True, False])
def test_they_are_the_features_of_histories_that_were_cut(seed: int, has_time: bool) -> None:
    random = np.random.default_rng(seed)
    data = world(seed)
    queries = data.queries(np.array([*range(NUM_USERS), -1], np.int32), NOW)
    left, keeps = parts(queries, random)
    rows = np.stack([random.permutation(NUM_TRACKS)[:6] for _ in left.owners]).astype(np.int32)
    rows[::3, 4:] = -1
    shape = (*rows.shape, len(c.RETRIEVAL_SOURCES))
    candidates = Candidates(rows, random.random(shape).astype(np.float32), np.zeros(shape, np.float32))
    vectors = random.standard_normal((NUM_TRACKS, 8)).astype(np.float32)
    statistics = Statistics.of(data, NOW)
    if not has_time:
        statistics = replace(statistics, has_time=np.zeros(1, np.bool_))
    known = (candidates, data.catalogue, statistics, vectors)
    found = ranking_features(queries.asking(left.owners), *known, left=left)
    # The oracle cuts each history, and counts what is in it.
    expected = ranking_features(queries.take(left.owners).keep(keeps), *known)
    for place, name in enumerate(DISCOVERY.features):
        np.testing.assert_allclose(
            found[..., place], expected[..., place], rtol=2e-6, atol=1e-6, err_msg=name
        )
    assert np.isfinite(found[..., DISCOVERY.features.index("session_genre_affinity")]).any()
