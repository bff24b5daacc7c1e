"""A file of tracks is read whole or refused with its first bad row."""

from pathlib import Path

import pytest

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.tables import TRACKS
from crossfade.sources.strict import read_tracks


def test_rows_come_in_the_canonical_columns_and_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("track_id,artist_id,genre,energy\nb,one|two,rock,0.5\na,,,\n")
    rows = read_tracks(path)
    assert rows.schema == TRACKS.schema
    assert rows.column("track_id").to_pylist() == ["b", "a"]
    assert rows.column("artist_ids").to_pylist() == [["one", "two"], None]
    assert rows.column("energy").to_pylist() == [0.5, None]


def test_bad_rows_refuse_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("track_id,energy\na,0.5\nb,loud\nc,quiet\n")
    message = r"new\.csv, row 2: energy cannot be read as numbers: energy = loud \(2 bad rows\); correct them"
    with pytest.raises(InputError, match=message):
        read_tracks(path)


def test_files_without_tracks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("track_id\n")
    with pytest.raises(InputError, match=r"^There is no track in .*new\.csv; name a file that holds rows\.$"):
        read_tracks(path)
    with pytest.raises(NotFoundError, match="There is no file or directory"):
        read_tracks(tmp_path / "other.csv")
