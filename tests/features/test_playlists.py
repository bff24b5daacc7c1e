"""Playlists become rows in the order of their ids, are known from their timestamp on, and survive their file."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from crossfade.features.playlists import Playlists
from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap
from crossfade.schema.tables import PLAYLISTS

TRACKS = IdMap(pa.array(["a", "b", "c"]))


def table(*rows: tuple[str, str | None, list[str] | None, int | None]) -> pa.Table:
    """Return playlists of (id, title, tracks, UTC seconds)."""
    named = [
        {
            c.PLAYLIST_ID: name,
            c.TITLE: title,
            c.TRACK_IDS: tracks,
            c.TIMESTAMP: None if seconds is None else datetime.fromtimestamp(seconds, UTC),
        }
        for name, title, tracks, seconds in rows
    ]
    return pa.Table.from_pylist(named, schema=PLAYLISTS.schema)


def some() -> Playlists:
    return Playlists.of(
        table(
            ("p2", "Late", ["c", "a"], 200),
            ("p1", None, ["b", "unheard", "b"], 100),
            ("p3", "Empty", [], 300),
            ("p0", "Undated", ["a"], None),
        ),
        TRACKS,
    )


def test_playlists_stand_in_the_order_of_ids_without_undated_ones_and_unknown_tracks() -> None:
    playlists = some()
    assert playlists.titles.to_pylist() == [None, "Late", "Empty"]
    assert playlists.offsets.tolist() == [0, 2, 4, 4]
    assert playlists.track_rows.tolist() == [1, 1, 2, 0]
    assert playlists.owners.tolist() == [0, 0, 1, 1]
    assert playlists.seconds.tolist() == [100, 200, 300]


def test_a_playlist_is_known_only_after_its_timestamp() -> None:
    known = some().before(201)
    assert known.titles.to_pylist() == [None, "Late"]
    assert known.track_rows.tolist() == [1, 1, 2, 0]
    earlier = some().before(200)
    assert (earlier.titles.to_pylist(), earlier.track_rows.tolist()) == ([None], [1, 1])


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    for playlists in (some(), Playlists.none()):
        playlists.save(tmp_path)
        loaded = Playlists.load(tmp_path)
        assert loaded.titles.to_pylist() == playlists.titles.to_pylist()
        for name in ("offsets", "track_rows", "seconds"):
            np.testing.assert_array_equal(getattr(loaded, name), getattr(playlists, name))


def test_renumbered_playlists_lose_the_tracks_that_leave() -> None:
    offsets, rows = np.array([0, 2, 2, 4], np.int64), np.array([0, 1, 2, 1], np.int32)
    seconds = np.array([1, 2, 3], np.int64)
    made = Playlists(offsets, rows, seconds, pa.array(["a", None, "c"])).renumbered(
        np.array([-1, 0, 1], np.int32)
    )
    assert made.offsets.tolist() == [0, 1, 1, 3]
    assert made.track_rows.tolist() == [0, 1, 0]
    assert made.titles.to_pylist() == ["a", None, "c"]
