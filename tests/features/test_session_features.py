"""Session features whose values follow from a handful of plays."""

import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.session_features import session_features
from crossfade.schema.columns import SESSION_FEATURES
from tests import builders

MINUTE = 1 / 1440
DAY = SECONDS_PER_DAY
TRACKS = builders.catalogue(
    [
        {"track_id": "a1", "artist_ids": ["a"], "album_id": "first"},
        {"track_id": "a2", "artist_ids": ["a"], "album_id": "first"},
        {"track_id": "b1", "artist_ids": ["b"]},
        {"track_id": "n1"},
    ]
)
# Yesterday b1 twice; now a1 a2 a1, then b1 skipped.
WORLD = builders.dataset(
    [
        ("ann", "b1", 8.0),
        ("ann", "b1", 8.0 + MINUTE),
        ("ann", "a1", 9.0),
        ("ann", "a2", 9.0 + MINUTE),
        ("ann", "a1", 9.0 + 2 * MINUTE),
        ("ann", "b1", 9.0 + 3 * MINUTE, -1.0),
        ("bob", "n1", 1.0),
    ],
    TRACKS,
)
CANDIDATES = np.array([[0, 1, 2, 3]], np.int32)
VECTORS = np.eye(4, dtype=np.float32)


def computed(user: int) -> dict[str, list[float | None]]:
    queries = WORLD.queries(np.array([user], np.int32), 10 * DAY)
    found = session_features(queries, CANDIDATES, TRACKS, VECTORS, has_time=True)
    assert tuple(sorted(found)) == tuple(sorted(SESSION_FEATURES))
    return {
        name: [None if np.isnan(v) else round(float(v), 4) for v in values[0]]
        for name, values in found.items()
    }


def log1p(*values: float) -> list[float]:
    return [round(float(np.log1p(value)), 4) for value in values]


def test_what_kind_of_session_and_listener_this_is() -> None:
    found = computed(0)
    assert found["session_listens_log"] == log1p(3)
    assert found["session_artists_per_listen"] == [round(1 / 3, 4)]
    assert found["session_skip_streak"] == [1]
    assert found["session_repeat_share"] == [round(1 / 3, 4)]
    assert found["user_repeat_share"] == [round(2 / 5, 4)]


def test_how_artist_and_album_stand_to_what_was_just_played() -> None:
    found = computed(0)
    assert found["session_artist_share"] == [1, 1, 0, 0]
    assert found["artist_is_last"] == [1, 1, 0, 0]
    assert found["album_is_last"] == [1, 1, 0, 0]
    assert found["artist_run_log"] == [*log1p(3, 3), 0, 0]
    assert found["artist_tracks_since_log"] == [*log1p(0, 0, 3), None]
    assert found["artist_skips_in_session"] == [0, 0, 1, 0]


def test_what_was_done_with_the_track_itself() -> None:
    found = computed(0)
    assert found["track_plays_log"] == log1p(2, 1, 2, 0)
    assert found["track_plays_in_session"] == [2, 1, 0, 0]
    assert found["track_tracks_since_log"] == [*log1p(0, 1, 3), None]
    assert found["track_strength"] == [2, 1, 1, 0]
    assert found["track_days_since_played"][2] == round(1 - 3 * MINUTE, 4)
    assert found["last_track_vector_cosine"] == [1, 0, 0, 0]


def test_a_stranger_has_no_session() -> None:
    found = computed(-1)
    assert found["session_listens_log"] == [0]
    assert found["session_artists_per_listen"] == [None]
    assert found["artist_is_last"] == [0, 0, 0, 0]
    assert found["track_tracks_since_log"] == [None] * 4
    assert found["last_track_vector_cosine"] == [None] * 4


def test_tracks_without_an_artist_are_nobodys() -> None:
    found = computed(1)
    assert found["artist_is_last"] == [0, 0, 0, 0]
    assert found["track_plays_log"] == [0, 0, 0, *log1p(1)]
