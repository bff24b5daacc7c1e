"""Last.fm-1K as it is published, with the flaws that it is known for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crossfade.schema import columns as c
from crossfade.sources import files
from tests.sources.reading import read

NAME = "userid-timestamp-artid-artname-traid-traname.tsv"
DEEP_DISH = "f1b1cf71-bd35-4e99-8624-24a6e15f133a"
TRACK = "9cc5b1a1-0d1b-4a32-a6a0-1d0aafdc4b0f"
LINES = [
    # MusicBrainz ids of artist and track, of the artist alone, and of none.
    f"user_000001\t2009-05-04T23:08:57Z\t{DEEP_DISH}\tDeep Dish\t{TRACK}\tFlashdance",
    f"user_000001\t2009-05-04T13:54:10Z\t{DEEP_DISH}\tDeep Dish\t\tFuck Me Im Famous (Pacha Ibiza)-09-28-2007",
    "user_000002\t2009-05-03T10:00:00Z\t\tUnderworld \t\tBorn  Slippy",
    "user_000003\t2009-05-03T11:00:00Z\t\tUNDERWORLD\t\tborn slippy",
    # A name with a line feed in it breaks its line in two.
    "user_000004\t2009-05-02T10:00:00Z\t\tBroken\t\tPart one",
    "part two",
    "user_000005\t2009-05-02T10:00:00Z\t\tOnly five",
    # Clocks that were years ahead.
    "user_000762\t2013-09-29T18:32:04Z\t\tFuture\t\tSounds",
    # A carriage return inside a name, an empty track name, no timestamp.
    "user_000006\t2009-05-01T10:00:00Z\t\tSemi\rsonic\t\tClosing Time",
    "user_000007\t2009-05-01T11:00:00Z\t\tNobody\t\t",
    "user_000008\t\t\tNever\t\tWhen",
]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    latin = "user_000009\t2009-04-30T10:00:00Z\t\tBeyoncé\t\tDéjà Vu".encode("latin-1")
    (tmp_path / NAME).write_bytes("\n".join(LINES).encode() + b"\n" + latin + b"\n")
    return tmp_path / NAME


def test_listens_are_read_with_ids_from_musicbrainz_or_from_names(sample: Path) -> None:
    good, _, _ = read("lastfm-1k", sample)
    events = good["events"]
    assert events[0] == {
        c.EVENT_TYPE: "listen",
        c.USER_ID: "user_000001",
        c.TRACK_ID: TRACK,
        c.ARTIST_ID: DEEP_DISH,
        c.TIMESTAMP: datetime(2009, 5, 4, 23, 8, 57, tzinfo=UTC),
        c.SOURCE_ROW: 1,
    }
    assert [(row[c.TRACK_ID], row[c.ARTIST_ID]) for row in events[1:4]] == [
        ("name:deep dish|fuck me im famous (pacha ibiza)-09-28-2007", DEEP_DISH),
        ("name:underworld|born slippy", "name:underworld"),
        ("name:underworld|born slippy", "name:underworld"),
    ]


def test_broken_lines_wrong_clocks_and_missing_names_are_refused_with_their_lines(sample: Path) -> None:
    _, refused, _ = read("lastfm-1k", sample)
    width = "line has another number of fields than 6"
    assert refused == [
        ("events", 6, width),
        ("events", 7, width),
        ("events", 8, "timestamp is after 2009-06-30, when this source had been collected"),
        ("events", 10, "track_id is missing"),
    ]


def test_names_that_are_not_utf8_or_hold_control_characters_are_repaired(sample: Path) -> None:
    good, _, repaired = read("lastfm-1k", sample)
    assert repaired == 1
    names = {row[c.ARTIST_ID]: row.get(c.NAME) for row in good["artists"]}
    assert names["name:beyoncé"] == "Beyoncé"
    assert names["name:semi sonic"] == "Semi sonic"
    assert c.TIMESTAMP not in next(row for row in good["events"] if row[c.USER_ID] == "user_000008")


def test_the_catalogue_holds_each_track_and_artist_once(sample: Path) -> None:
    good, _, _ = read("lastfm-1k", sample)
    tracks = {row[c.TRACK_ID]: row for row in good["tracks"]}
    assert len(tracks) == len(good["tracks"])
    assert tracks["name:underworld|born slippy"] == {
        c.TRACK_ID: "name:underworld|born slippy",
        c.TITLE: "born slippy",
        c.ARTIST_IDS: ["name:underworld"],
        c.ARTIST_NAME: "UNDERWORLD",
        c.SOURCE_ROW: 4,
    }
    assert [row[c.NAME] for row in good["artists"] if row[c.ARTIST_ID] == DEEP_DISH] == ["Deep Dish"]


def test_line_numbers_hold_across_blocks(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read("lastfm-1k", sample)
    monkeypatch.setattr(files, "BLOCK_BYTES", 100)
    parts = read("lastfm-1k", sample)
    assert parts[0]["events"] == whole[0]["events"]
    assert parts[1:] == whole[1:]


def test_profiles_give_the_users_countries(tmp_path: Path) -> None:
    lines = [
        "#id\tgender\tage\tcountry\tregistered",
        "user_000001\tm\t\tJapan\tAug 13, 2006",
        "user_000002\tf\t\t\tFeb 24, 2006",
        "user_000003\tm",
    ]
    (tmp_path / "userid-profile.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    good, refused, _ = read("lastfm-1k", tmp_path / "userid-profile.tsv")
    assert good["users"] == [
        {c.USER_ID: "user_000001", c.COUNTRY: "Japan", c.SOURCE_ROW: 2},
        {c.USER_ID: "user_000002", c.SOURCE_ROW: 3},
    ]
    assert refused == [("users", 4, "line has another number of fields than 5")]
