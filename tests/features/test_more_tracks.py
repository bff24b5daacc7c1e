"""Old tracks keep their plays and playlists when new ones push their rows apart."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.more_tracks import with_more_tracks
from crossfade.features.playlists import Playlists
from crossfade.schema.errors import InputError
from crossfade.schema.tables import TRACKS
from tests.builders import dataset


def rows(*tracks: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(tracks), schema=TRACKS.schema)


def test_plays_and_playlists_follow_their_tracks() -> None:
    small = dataset([("u", "b", 1.0), ("u", "d", 2.0), ("v", "d", 3.0)])
    listed = Playlists(np.array([0, 2]), np.array([1, 0], np.int32), np.array([9]), pa.array(["mix"]))
    old = replace(small, playlists=listed)
    new = with_more_tracks(old, rows({"track_id": "c", "artist_ids": ["b", "x"]}, {"track_id": "a"}))
    names = new.catalogue.tracks
    assert names.ids.to_pylist() == ["a", "b", "c", "d"]
    assert names.names(new.interactions.track_rows) == ["b", "d", "d"]
    assert names.names(new.playlists.track_rows) == ["d", "b"]
    assert new.catalogue.table.column("artist_id").to_pylist() == [None, "b", "b", "d"]
    assert new.catalogue.table.schema == old.catalogue.table.schema
    assert len(old.catalogue) == 2


def test_known_and_repeated_tracks_are_refused_by_name() -> None:
    old = dataset([("u", "b", 1.0), ("u", "d", 2.0)])
    message = (
        r"^Tracks are in the bundle's catalogue already: 'd' \(1\); leave them out\. Nothing was added\.$"
    )
    with pytest.raises(InputError, match=message):
        with_more_tracks(old, rows({"track_id": "d"}, {"track_id": "e"}))
    many = [{"track_id": name} for name in "efghefgh"]
    with pytest.raises(InputError, match=r"^Tracks are named twice: 'e', 'f', 'g' \.\.\. \(4\);"):
        with_more_tracks(old, rows(*many))
