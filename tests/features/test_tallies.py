"""Tallies and cuts of histories, against loops over their entries."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crossfade.features.cutting import cut
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.features.lookups import NEVER
from crossfade.features.tallies import artist_tallies, plays_log
from crossfade.features.user_statistics import UserStatistics

NUM_QUERIES, NUM_NAMES = 5, 9
RANDOM = np.random.default_rng(8)
OFFSETS = np.array([0, 6, 6, 21, 22, 40])  # the second has no history
NUM_ENTRIES = int(OFFSETS[-1])
OF_ENTRIES = RANDOM.integers(-1, NUM_NAMES, NUM_ENTRIES).astype(np.int32)
WANTED = RANDOM.integers(-1, NUM_NAMES + 2, (NUM_QUERIES, 7)).astype(np.int32)
HISTORIES = [slice(*OFFSETS[query : query + 2]) for query in range(NUM_QUERIES)]


@pytest.fixture(scope="module")
def queries() -> Queries:
    return Queries(
        np.arange(NUM_QUERIES, dtype=np.int32),
        np.full(NUM_QUERIES, 90 * SECONDS_PER_DAY),
        np.zeros(NUM_QUERIES, np.int32),
        np.ones(NUM_QUERIES, np.bool_),
        OFFSETS,
        RANDOM.integers(0, 50, NUM_ENTRIES).astype(np.int32),
        np.sort(RANDOM.integers(0, 90 * SECONDS_PER_DAY, NUM_ENTRIES)),
        RANDOM.choice([-0.8, 0.0, 1.0, 5.0], NUM_ENTRIES).astype(np.float32),
        (np.arange(NUM_ENTRIES) // 4).astype(np.int32),
    )


def room() -> np.ndarray:
    return np.empty((5, *WANTED.shape), np.float32)


def test_tallies_of_artists_are_those_of_their_entries(queries: Queries) -> None:
    found = artist_tallies(queries, OF_ENTRIES, WANTED, room(), has_time=True)
    for query, history in enumerate(HISTORIES):
        strengths, listens = queries.strengths[history], (queries.strengths[history] > 0).sum()
        for place, artist in enumerate(WANTED[query]):
            of = (OF_ENTRIES[history] == artist) & (artist >= 0)
            plays = (strengths[of] > 0).sum()
            expected = [np.log1p(np.float32(plays)), strengths[of].sum(), plays / max(listens, 1), np.nan, 0]
            if of.any():
                expected[3] = 90 - queries.seconds[history][of].max() / SECONDS_PER_DAY
                expected[4] = (queries.sessions[history][of] == queries.sessions[history][-1]).any()
            np.testing.assert_allclose(found[:, query, place], expected, rtol=1e-6)


def test_without_times_nobody_knows_since_when(queries: Queries) -> None:
    assert np.isnan(artist_tallies(queries, OF_ENTRIES, WANTED, room(), has_time=False)[3]).all()


def test_plays_of_albums_are_counted(queries: Queries) -> None:
    found = plays_log(queries, OF_ENTRIES, WANTED)
    for query, history in enumerate(HISTORIES):
        # An unknown album (-1) is nobody's.
        counts = [(OF_ENTRIES[history] == album).sum() * (album >= 0) for album in WANTED[query]]
        np.testing.assert_array_equal(found[query], np.log1p(np.array(counts, np.float32)))


def test_a_cut_keeps_the_entries_of_its_mask(queries: Queries) -> None:
    mask = RANDOM.random(NUM_ENTRIES) < 0.5
    columns = (queries.track_rows, queries.seconds, queries.strengths, queries.sessions)
    offsets, *kept = cut(OFFSETS, columns, mask)
    np.testing.assert_array_equal(np.diff(offsets), [mask[history].sum() for history in HISTORIES])
    for column, found in zip(columns, kept, strict=True):
        np.testing.assert_array_equal(found, column[mask])
        assert found.dtype == column.dtype


def test_last_entries_and_last_sessions(queries: Queries) -> None:
    marks, found = queries.in_last_session, queries.last_tracks(5)
    for query, history in enumerate(HISTORIES):
        sessions, tracks = queries.sessions[history], queries.track_rows[history]
        np.testing.assert_array_equal(marks[history], sessions == sessions[-1] if len(sessions) else [])
        last = tracks[::-1][:5]
        assert found[query].tolist() == [*last.tolist(), *[-1] * (5 - len(last))]


def test_users_are_counted(queries: Queries) -> None:
    artists = np.where(np.arange(50) % 7 == 0, -1, np.arange(50) % 6).astype(np.int32)
    catalogue: Any = SimpleNamespace(artist_rows=artists, artists=range(6))
    found = UserStatistics.of(queries, catalogue)
    for query, history in enumerate(HISTORIES):
        strengths, tracks = queries.strengths[history], queries.track_rows[history]
        assert found.user_plays[query] == len(tracks)
        assert found.user_listens[query] == (strengths > 0).sum()
        assert found.user_skips[query] == np.maximum(-strengths.astype(np.float64), 0).sum()
        # All unknown artists are one.
        assert found.user_artists[query] == len(np.unique(artists[tracks[strengths > 0]]))
        assert found.user_last_seconds[query] == (queries.seconds[history][-1] if len(tracks) else NEVER)
