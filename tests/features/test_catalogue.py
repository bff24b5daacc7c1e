"""The catalogue's columns, and its file."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.catalogue import LONG_AGO, UNAVAILABLE, UNKNOWN_DAY, Catalogue
from crossfade.schema.errors import InputError, IntegrityError
from tests import builders

TRACKS = builders.catalogue(
    [
        {"track_id": "t2", "artist_ids": ["y", "x"], "genres": ["rock"], "explicit": True},
        {"track_id": "t1", "artist_ids": ["x"], "genres": list("gfedcba"), "album_id": "first"},
        {"track_id": "t3", "release_date": date(1970, 1, 3), "available": False, "energy": 0.5},
    ]
)


def test_rows_follow_track_ids() -> None:
    assert TRACKS.tracks.rows(["t1", "t3", "t9"]).tolist() == [0, 2, -1]


def test_the_first_artist_is_the_primary_one() -> None:
    assert TRACKS.artists.names(TRACKS.artist_rows) == ["x", "y", None]
    assert TRACKS.album_rows.tolist() == [0, -1, -1]


def test_all_artists_have_rows_of_their_own() -> None:
    assert TRACKS.contributors.ids.to_pylist() == ["x", "y"]
    assert TRACKS.contributors.names(TRACKS.contributor_rows[1]) == ["y", "x", None, None]
    assert (TRACKS.contributor_rows[2] == -1).all()


def test_genres_keep_their_order_and_stop_at_five() -> None:
    assert TRACKS.genres.names(TRACKS.genre_rows[0]) == list("gfedc")
    assert TRACKS.genres.names(TRACKS.genre_rows[1]) == ["rock", None, None, None, None]
    assert (TRACKS.genre_rows[2] == -1).all()


def test_missing_values_are_marked() -> None:
    assert TRACKS.release_days.tolist() == [UNKNOWN_DAY, UNKNOWN_DAY, 2]
    assert TRACKS.explicit.tolist() == [False, True, False]
    assert TRACKS.available.tolist() == [True, True, False]
    assert np.isnan(TRACKS.audio[0]).all()
    assert TRACKS.audio[2, 1] == 0.5


def test_a_state_tells_release_day_explicitness_and_availability() -> None:
    rows = [
        {"track_id": "a", "release_date": date(1970, 1, 4), "explicit": True},
        {"track_id": "b", "release_date": date(1969, 12, 31)},
        {"track_id": "c"},
        {"track_id": "d", "available": False, "release_date": date(1970, 1, 4)},
    ]
    states = builders.catalogue(rows).states
    assert states.tolist() == [2 * 3 + 1, 2 * -1, 2 * LONG_AGO, UNAVAILABLE]


def test_durations_are_whole_milliseconds() -> None:
    tracks = [
        {"track_id": "a", "duration_ms": 200_000},
        {"track_id": "b"},
        {"track_id": "c", "duration_ms": 1 << 40},
    ]
    assert builders.catalogue(tracks).durations_ms.tolist() == [200_000, -1, np.iinfo(np.int32).max]


def test_audio_vectors_are_zero_where_missing() -> None:
    tracks = builders.catalogue([{"track_id": "a"}, {"track_id": "b", "audio_vector": [1.0, 2.0]}])
    assert tracks.audio_vectors.tolist() == [[0, 0], [1, 2]]
    assert TRACKS.audio_vectors.shape == (3, 0)


def test_audio_vectors_of_two_lengths_are_refused() -> None:
    rows = [{"track_id": "a", "audio_vector": [1.0]}, {"track_id": "b", "audio_vector": [1.0, 2.0]}]
    with pytest.raises(InputError, match=r"their lengths are 1 of track '\w+', 2 of track '\w+'"):
        _ = builders.catalogue(rows).audio_vectors


def test_an_empty_catalogue_has_empty_columns() -> None:
    empty = builders.catalogue([])
    assert len(empty) == len(empty.genres) == len(empty.artist_rows) == len(empty.available) == 0
    assert empty.genre_rows.shape == (0, 5)


def test_save_and_load_keep_the_table(tmp_path: Path) -> None:
    TRACKS.save(tmp_path)
    assert Catalogue.load(tmp_path).table.equals(TRACKS.table)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    TRACKS.save(tmp_path)
    path = tmp_path / "tracks.arrow"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(IntegrityError, match=r"tracks\.arrow is not a whole Arrow file"):
        Catalogue.load(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"tracks\.arrow is not a whole Arrow file"):
        Catalogue.load(tmp_path)
