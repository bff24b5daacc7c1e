from pathlib import Path

import pytest

from crossfade.schema.errors import IntegrityError
from crossfade.store.naming import TrackName, track_names
from tests.builders import catalogue


def test_names_in_the_order_asked(tmp_path: Path) -> None:
    rows = [
        {"track_id": "t1", "title": "One", "artist_ids": ["a1"], "artist_name": "Band"},
        {"track_id": "t2", "artist_ids": ["a2"]},
        {"track_id": "t3"},
    ]
    catalogue(rows).save(tmp_path)
    named = track_names(tmp_path, ["t3", "t1", "gone", "t2", "t1"])
    assert named == [
        TrackName("t3", ""),
        TrackName("One", "Band"),
        TrackName("gone", ""),
        TrackName("t2", "a2"),
        TrackName("One", "Band"),
    ]
    assert track_names(tmp_path, []) == []


def test_without_the_bundle_ids_stand_for_names(tmp_path: Path) -> None:
    assert track_names(tmp_path / "gone", ["t1"]) == [TrackName("t1", "")]


def test_damaged_bundle(tmp_path: Path) -> None:
    (tmp_path / "tracks.arrow").write_bytes(b"?")
    with pytest.raises(IntegrityError, match=r"tracks\.arrow is not a whole Arrow file"):
        track_names(tmp_path, ["t1"])
