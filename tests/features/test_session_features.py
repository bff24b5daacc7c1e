"""Session features whose values follow from a handful of plays."""

from collections.abc import Sequence

import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Queries
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


def room(names: Sequence[str]) -> Floats:
    return np.empty((len(names), *CANDIDATES.shape), np.float32)


def computed(user: int) -> dict[str, list[float | None]]:
    queries = WORLD.queries(np.array([user], np.int32), 10 * DAY)
    found = session_features(queries, CANDIDATES, TRACKS, VECTORS, room, has_time=True)
    assert tuple(sorted(found)) == tuple(sorted(SESSION_FEATURES))
    return {
        name: [None if np.isnan(v) else round(float(v), 4) for v in values[0]]
        for name, values in found.items()
    }


def log1p(*values: float) -> list[float]:
    return [round(float(np.log1p(value)), 4) for value in values]


def test_what_kind_of_session_and_listener_this_is() -> None:
    found = computed(0)
    assert found["session_listens_log"] == 4 * log1p(3)
    assert found["session_artists_per_listen"] == 4 * [round(1 / 3, 4)]
    assert found["session_skip_streak"] == 4 * [1]
    assert found["session_repeat_share"] == 4 * [round(1 / 3, 4)]
    assert found["user_repeat_share"] == 4 * [round(2 / 5, 4)]


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
    assert found["session_listens_log"] == [0] * 4
    assert found["session_artists_per_listen"] == [None] * 4
    assert found["artist_is_last"] == [0, 0, 0, 0]
    assert found["track_tracks_since_log"] == [None] * 4
    assert found["last_track_vector_cosine"] == [None] * 4


def test_tracks_without_an_artist_are_nobodys() -> None:
    found = computed(1)
    assert found["artist_is_last"] == [0, 0, 0, 0]
    assert found["track_plays_log"] == [0, 0, 0, *log1p(1)]


def by_its_words(queries: Queries, query: int, track: int) -> list[float]:
    """Return the features of a track but the last one, entry by entry as their definitions say."""
    own = slice(*queries.offsets[query : query + 2])
    tracks, strengths, sessions = (
        column[own].tolist() for column in (queries.track_rows, queries.strengths, queries.sessions)
    )
    artists, albums = TRACKS.artist_rows.tolist(), TRACKS.album_rows.tolist()
    played = [artists[each] for each in tracks]
    wanted = [strength > 0 for strength in strengths]
    inside = [session == sessions[-1] for session in sessions]
    running = [both[0] and both[1] for both in zip(wanted, inside, strict=True)]
    listens, all_listens = sum(running), sum(wanted)

    def of(mask: list[bool], column: list[int], name: int) -> list[int]:
        return [i for i, (is_in, each) in enumerate(zip(mask, column, strict=True)) if is_in and each == name]

    def share(parts: int, wholes: int) -> float:
        return parts / wholes if wholes else np.nan

    def since_log(places: list[int]) -> float:
        return float(np.log1p(np.float32(sum(wanted[places[-1] + 1 :])))) if places else np.nan

    in_session = [tracks[i] for i, is_in in enumerate(running) if is_in]
    last = in_session[-1] if in_session else -1
    last_artist = artists[last] if last >= 0 else -1
    run = next((i for i, each in enumerate(reversed(in_session)) if artists[each] != last_artist), listens)
    session = [strengths[i] for i, is_in in enumerate(inside) if is_in]
    streak = next((i for i, strength in enumerate(reversed(session)) if strength >= 0), len(session))
    artist, own_plays = artists[track], [i for i, each in enumerate(tracks) if each == track]
    is_last = last_artist >= 0 and artist == last_artist
    ofs = [] if artist < 0 else [i for i in range(len(tracks)) if played[i] == artist]
    seconds = queries.seconds[own]
    return [
        np.log1p(listens),
        share(len({artists[each] for each in in_session}), listens),
        streak,
        1 - share(len(set(in_session)), listens),
        1 - share(len({tracks[i] for i in range(len(tracks)) if wanted[i]}), all_listens),
        len(of(running, played, artist)) / max(listens, 1) if ofs else 0,
        is_last,
        albums[track] >= 0 and last >= 0 and albums[track] == albums[last],
        np.log1p(run) if is_last else 0,
        since_log(of(wanted, played, artist)) if ofs else np.nan,
        sum(inside[i] and strengths[i] < 0 for i in ofs),
        np.log1p(np.float32(len(of(wanted, tracks, track)))),
        len(of(running, tracks, track)),
        since_log(of(wanted, tracks, track)),
        (queries.as_of[query] - seconds[own_plays].max()) / DAY if own_plays else np.nan,
        sum(strengths[i] for i in own_plays),
    ]


def test_each_feature_is_what_its_words_say_in_any_history() -> None:
    random = np.random.default_rng(3)
    counts = random.integers(0, 30, 40)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    queries = Queries(
        np.zeros(40, np.int32),
        np.full(40, 10 * DAY),
        np.zeros(40, np.int32),
        np.ones(40, np.bool_),
        offsets,
        random.integers(0, 4, offsets[-1]).astype(np.int32),
        np.sort(random.integers(0, 9 * DAY, offsets[-1])),
        random.choice(np.array([-1, -0.25, 0, 1, 5], np.float32), offsets[-1]),
        random.integers(0, 2, offsets[-1]).astype(np.int32),
    )
    rows = np.tile(CANDIDATES, (40, 1))
    found = np.empty((len(SESSION_FEATURES), *rows.shape), np.float32)
    session_features(queries, rows, TRACKS, VECTORS, lambda _: found, has_time=True)
    wanted = [[by_its_words(queries, query, track) for track in range(4)] for query in range(40)]
    np.testing.assert_array_equal(np.moveaxis(found[:-1], 0, -1), np.array(wanted).astype(np.float32))
