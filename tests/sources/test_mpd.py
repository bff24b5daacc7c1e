"""Slices of the Million Playlist Dataset, as they are published."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from tests.sources.reading import read


def track(name: str, pos: int, duration_ms: int = 226_863) -> dict[str, Any]:
    return {
        "pos": pos,
        "artist_name": "Missy Elliott",
        "track_uri": f"spotify:track:{name}",
        "artist_uri": "spotify:artist:2wIVse2owClT7go1WT98tk",
        "track_name": f"Song {name}",
        "album_uri": "spotify:album:6vV5UrXcfyQD1wu4Qo2I9K",
        "duration_ms": duration_ms,
        "album_name": "The Cookbook",
    }


def playlist(pid: int | None, *tracks: dict[str, Any]) -> dict[str, Any]:
    about = {
        "name": "Throwbacks",
        "collaborative": "false",
        "pid": pid,
        "modified_at": 1_493_424_000,
        "num_edits": 6,
    }
    return about | {"num_tracks": len(tracks), "tracks": list(tracks)}


def slice_file(tmp_path: Path, *playlists: dict[str, Any]) -> Path:
    info = {"generated_on": "2017-12-03 08:41:42.057563", "slice": "0-999", "version": "v1"}
    path = tmp_path / "mpd.slice.0-999.json"
    path.write_text(json.dumps({"info": info, "playlists": list(playlists)}, indent=4), "utf-8")
    return path


def test_a_slice_gives_playlists_tracks_and_artists(tmp_path: Path) -> None:
    path = slice_file(
        tmp_path, playlist(0, track("a", 0), track("b", 1), track("a", 2)), playlist(1, track("b", 0))
    )
    good, refused, _ = read("mpd", path)
    assert refused == []
    assert good["playlists"][0] == {
        c.PLAYLIST_ID: "0",
        c.TITLE: "Throwbacks",
        c.TRACK_IDS: ["spotify:track:a", "spotify:track:b", "spotify:track:a"],
        c.TIMESTAMP: datetime(2017, 4, 29, tzinfo=UTC),
        c.SOURCE_ROW: 1,
    }
    assert [row[c.TRACK_ID] for row in good["tracks"]] == ["spotify:track:a", "spotify:track:b"]
    assert good["tracks"][0] == {
        c.TRACK_ID: "spotify:track:a",
        c.TITLE: "Song a",
        c.ARTIST_IDS: ["spotify:artist:2wIVse2owClT7go1WT98tk"],
        c.ARTIST_NAME: "Missy Elliott",
        c.ALBUM_ID: "spotify:album:6vV5UrXcfyQD1wu4Qo2I9K",
        c.DURATION_MS: 226_863,
        c.SOURCE_ROW: 1,
    }
    assert len(good["artists"]) == 1


def test_the_challenge_set_s_gaps_are_read_and_playlists_without_an_id_refused(tmp_path: Path) -> None:
    untitled = playlist(5, track("a", 0, duration_ms=0))
    del untitled["name"]
    good, refused, _ = read("mpd", slice_file(tmp_path, untitled, playlist(6), playlist(None)))
    assert [(row.get(c.TITLE), row[c.TRACK_IDS]) for row in good["playlists"]] == [
        (None, ["spotify:track:a"]),
        ("Throwbacks", []),
    ]
    assert c.DURATION_MS not in good["tracks"][0]
    assert refused == [("playlists", 3, "playlist_id is missing")]


@pytest.mark.parametrize("text", ['{"playlists": [{"pid": 0, "tra', '{"playlists": 3}', "no json"])
def test_a_truncated_slice_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text, "utf-8")
    with pytest.raises(
        InputError,
        match=r"s.json is not a whole slice of the Million Playlist Dataset: .*; download it again",
    ):
        read("mpd", tmp_path / "s.json")


@pytest.mark.parametrize("text", ["{}", '{"playlists": []}', '{"challenge": "x"}'])
def test_a_file_without_playlists_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "stats.json").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r'stats.json is not a slice .*: it has no "playlists"'):
        read("mpd", tmp_path / "stats.json")
