"""ListenBrainz listens as the dumps hold them, with what players send and leave out."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crossfade.schema import columns as c
from tests.sources.reading import Rows, read

MAPPED = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
SENT = "c4bbe1ea-4b1d-4d5e-8b3f-0d0d9a5f9b5e"
ARTIST = "8f6bd1e4-fbe1-4f50-aa9b-94c450ec0f11"


def listen(**changes: Any) -> dict[str, Any]:
    """Return a line of a full dump, with what both the player and ListenBrainz know."""
    info = {
        "recording_mbid": SENT,
        "artist_mbids": [ARTIST],
        "release_mbid": "r-sent",
        "duration_ms": 305_000,
        "media_player": "x",
        "tags": [],
    }
    meta = {
        "artist_name": "Portishead",
        "track_name": "Roads",
        "release_name": "Dummy",
        "additional_info": info,
        "mbid_mapping": {
            "recording_mbid": MAPPED,
            "artist_mbids": [ARTIST],
            "release_mbid": "r-mapped",
            "caa_id": 1,
        },
    }
    meta |= changes.pop("meta", {})
    meta["additional_info"] = changes.pop("info", meta["additional_info"])
    line = {
        "user_id": 17,
        "user_name": "ann",
        "timestamp": 1_555_286_560,
        "recording_msid": "msid",
        "track_metadata": meta,
    }
    return {key: value for key, value in (line | changes).items() if value is not ...}


def parsed(tmp_path: Path, *lines: dict[str, Any] | str) -> tuple[Rows, list[tuple[str, int, str]]]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n"
    (tmp_path / "1.listens").write_text(text, "utf-8")
    good, refused, _ = read("listenbrainz", tmp_path / "1.listens")
    return good, refused


def test_a_full_listen_gives_event_track_and_artist(tmp_path: Path) -> None:
    good, refused = parsed(tmp_path, listen())
    assert refused == []
    assert good["events"] == [
        {
            c.EVENT_TYPE: "listen",
            c.USER_ID: "17",
            c.TRACK_ID: MAPPED,
            c.ARTIST_ID: ARTIST,
            c.TIMESTAMP: datetime(2019, 4, 15, 0, 2, 40, tzinfo=UTC),
            c.SOURCE_ROW: 1,
        }
    ]
    assert good["tracks"] == [
        {
            c.TRACK_ID: MAPPED,
            c.TITLE: "Roads",
            c.ARTIST_IDS: [ARTIST],
            c.ARTIST_NAME: "Portishead",
            c.ALBUM_ID: "r-mapped",
            c.DURATION_MS: 305_000,
            c.SOURCE_ROW: 1,
        }
    ]
    assert good["artists"] == [{c.ARTIST_ID: ARTIST, c.NAME: "Portishead", c.SOURCE_ROW: 1}]


def test_ids_come_from_the_mapping_then_the_player_then_the_names(tmp_path: Path) -> None:
    bare = {"artist_name": "Portishead", "track_name": "Roads"}
    good, _ = parsed(
        tmp_path,
        listen(),
        listen(meta={"mbid_mapping": None}),
        listen(meta={"mbid_mapping": {"recording_mbid": "", "artist_mbids": []}}, info={"artist_mbids": []}),
        listen(track_metadata=bare, user_id=..., listened_at=1_555_286_561, timestamp=...),
        listen(track_metadata={"artist_name": "", "track_name": "", "additional_info": {}}),
    )
    events = good["events"]
    named = "name:portishead|roads"
    assert [row[c.TRACK_ID] for row in events] == [MAPPED, SENT, named, named, "msid"]
    assert [row.get(c.ARTIST_ID) for row in events] == [
        ARTIST,
        ARTIST,
        "name:portishead",
        "name:portishead",
        None,
    ]
    assert (events[3][c.USER_ID], events[3][c.TIMESTAMP]) == (
        "ann",
        datetime(2019, 4, 15, 0, 2, 41, tzinfo=UTC),
    )
    assert {row[c.TRACK_ID]: row.get(c.ALBUM_ID) for row in good["tracks"]} == {
        MAPPED: "r-mapped",
        SENT: "r-sent",
        named: None,
        "msid": None,
    }


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"duration_ms": 1000}, 1000),
        ({"duration_ms": "1000"}, 1000),
        ({"duration_ms": 1000.4}, 1000),
        ({"duration": 2}, 2000),
        ({"duration": "2.5"}, 2500),
        ({"duration_ms": 0, "duration": 3}, 3000),
        ({"duration_ms": -1}, None),
        ({"duration_ms": "unknown"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_lengths_come_in_any_form_and_the_unknown_are_left_out(
    tmp_path: Path, info: dict[str, Any] | None, expected: int | None
) -> None:
    good, refused = parsed(tmp_path, listen(info=info))
    assert refused == []
    assert good["tracks"][0].get(c.DURATION_MS) == expected


def test_lines_that_differ_in_form_are_read_side_by_side(tmp_path: Path) -> None:
    good, refused = parsed(
        tmp_path,
        listen(),
        listen(user_id="u", timestamp="1555286560", info={"duration_ms": "12000"}),
        listen(info=[]),
        '{"user_id": 1, "timest',
        listen(timestamp=None),
        listen(user_id=None, user_name=None),
        listen(timestamp=4_000_000_000),
    )
    assert [row[c.USER_ID] for row in good["events"]] == ["17", "u", "17", "17"]
    assert [(row, reason) for _, row, reason in refused] == [
        (4, "line is not a JSON object"),
        (6, "user_id is missing"),
        (7, "timestamp is in the future"),
    ]


def test_a_credit_of_several_artists_names_none_of_them(tmp_path: Path) -> None:
    mapping = {"recording_mbid": "m", "artist_mbids": ["a", "b"]}
    good, _ = parsed(tmp_path, listen(meta={"artist_name": "A feat. B", "mbid_mapping": mapping}))
    assert good["artists"] == []
    assert (good["tracks"][0][c.ARTIST_IDS], good["tracks"][0][c.ARTIST_NAME]) == (["a", "b"], "A feat. B")


def test_a_zipped_dump_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "1.listens.gz").write_bytes(gzip.compress(json.dumps(listen()).encode()))
    good, _, _ = read("listenbrainz", tmp_path / "1.listens.gz")
    assert good["events"] == parsed(tmp_path, listen())[0]["events"]
