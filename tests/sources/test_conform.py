"""Every check refuses just the rows that fail it, with the reason, the value and the row as it stood."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.tables import EVENTS, PLAYLISTS, TRACKS, Table
from crossfade.schema.user_keys import PSEUDONYM_BYTES, UserKey, UserKeys
from crossfade.sources.chunks import Chunk, lines_as_json, refusals
from crossfade.sources.conform import PSEUDONYM, Times, check_columns, column_names, conform

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = Times(NOW, tolerance_minutes=60)


def parted(
    rows: list[dict[str, object]], of: Table = EVENTS, times: Times = TIMES
) -> tuple[pa.Table, list[dict[str, object]]]:
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    chunk = Chunk(of, table, pa.array(range(1, len(rows) + 1), pa.int64()))
    good, refused = conform(chunk, times)
    assert len(good) + len(refused) == len(rows)
    assert good.schema.names == [*of.schema.names, c.SOURCE_ROW]
    return good, refused.to_pylist()


GOOD = {c.USER_ID: "u", c.TRACK_ID: "t"}


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ({c.USER_ID: None}, "user_id is missing", c.USER_ID),
        ({c.USER_ID: ""}, "user_id is missing", c.USER_ID),
        ({c.TRACK_ID: None}, "track_id is missing", c.TRACK_ID),
        ({c.EVENT_TYPE: "dance"}, "event_type is unknown", c.EVENT_TYPE),
        ({c.PLAYED_MS: -1}, "played_ms is negative", c.PLAYED_MS),
        ({c.PLAYED_SHARE: 1.01}, "played_share is outside 0 to 1", c.PLAYED_SHARE),
        ({c.PLAYED_SHARE: -0.01}, "played_share is outside 0 to 1", c.PLAYED_SHARE),
        ({c.PROPENSITY: 2.0}, "propensity is outside 0 to 1", c.PROPENSITY),
        ({c.TIMESTAMP: NOW + timedelta(minutes=61)}, "timestamp is in the future", c.TIMESTAMP),
        ({c.TIMESTAMP: datetime(1969, 12, 31, tzinfo=UTC)}, "timestamp is before 1970", c.TIMESTAMP),
    ],
)
def test_a_bad_event_is_refused_and_its_neighbours_land(
    row: dict[str, object], reason: str, column: str
) -> None:
    good, refused = parted([GOOD, GOOD | row, GOOD])
    assert good.column(c.SOURCE_ROW).to_pylist() == [1, 3]
    assert [(each[c.REASON], each["column"], each[c.SOURCE_ROW]) for each in refused] == [(reason, column, 2)]


@pytest.mark.parametrize(
    "row",
    [
        {c.PLAYED_MS: 0},
        {c.PLAYED_SHARE: 0.0},
        {c.PLAYED_SHARE: 1.0},
        {c.TIMESTAMP: NOW + timedelta(minutes=60)},
        {c.TIMESTAMP: datetime(1970, 1, 1, tzinfo=UTC)},
        {c.EVENT_TYPE: "exposure"},
    ],
)
def test_values_on_the_border_land(row: dict[str, object]) -> None:
    assert len(parted([GOOD | row])[0]) == 1


def test_an_unreadable_value_is_shown_with_its_row() -> None:
    _, refused = parted([GOOD | {c.TIMESTAMP: "2026-99-01"}])
    assert refused[0][c.REASON] == (
        "timestamp cannot be read as a timestamp, ISO 8601 text or a number since 1970"
    )
    assert refused[0]["value"] == "2026-99-01"
    assert json.loads(str(refused[0][c.RAW])) == {"user_id": "u", "track_id": "t", "timestamp": "2026-99-01"}


def test_the_first_of_several_reasons_is_given() -> None:
    _, refused = parted([GOOD | {c.TIMESTAMP: "soon", c.PLAYED_MS: -1}])
    assert [each["column"] for each in refused] == [c.TIMESTAMP]


def test_an_event_without_type_is_a_listen() -> None:
    good, _ = parted([GOOD, GOOD | {c.EVENT_TYPE: "save"}, GOOD | {c.EVENT_TYPE: None}])
    assert good.column(c.EVENT_TYPE).to_pylist() == ["listen", "save", "listen"]


def test_a_follow_may_name_an_artist_instead_of_a_track() -> None:
    artist = {c.USER_ID: "u", c.TRACK_ID: None, c.ARTIST_ID: "a"}
    good, refused = parted(
        [artist | {c.EVENT_TYPE: "follow"}, artist, {**artist, c.EVENT_TYPE: "follow", c.ARTIST_ID: None}]
    )
    assert good.column(c.SOURCE_ROW).to_pylist() == [1]
    assert [each[c.REASON] for each in refused] == ["track_id is missing"] * 2


def test_a_source_that_was_collected_long_ago_has_no_later_events() -> None:
    times = Times(NOW, 60, latest=int(datetime(2009, 6, 30, tzinfo=UTC).timestamp()))
    rows = [GOOD | {c.TIMESTAMP: datetime(2009, 6, day, tzinfo=UTC)} for day in (29, 30)]
    _, refused = parted([*rows, GOOD | {c.TIMESTAMP: datetime(2013, 1, 1, tzinfo=UTC)}], times=times)
    assert [each[c.REASON] for each in refused] == [
        "timestamp is after 2009-06-30, when this source had been collected"
    ]


def test_tracks_and_playlists_are_checked_too() -> None:
    _, refused = parted([{c.TRACK_ID: "t", c.DURATION_MS: -5}, {c.TRACK_ID: "t", c.DURATION_MS: 0}], TRACKS)
    assert [(each[c.REASON], each["value"]) for each in refused] == [("duration_ms is negative", "-5")]
    good, refused = parted(
        [{c.PLAYLIST_ID: "p", c.TRACK_IDS: None}, {c.PLAYLIST_ID: "p", c.TRACK_IDS: []}], PLAYLISTS
    )
    assert [each[c.REASON] for each in refused] == ["track_ids is missing"]
    assert good.column(c.TRACK_IDS).to_pylist() == [[]]


def test_aliases_fill_columns_and_the_canonical_name_wins() -> None:
    good, _ = parted([{c.TRACK_ID: 7, "artist_id": "a", "tags": ["x", "y"], "genre": "z"}], TRACKS)
    assert good.select([c.TRACK_ID, c.ARTIST_IDS, c.GENRES]).to_pylist() == [
        {c.TRACK_ID: "7", c.ARTIST_IDS: ["a"], c.GENRES: ["x", "y"]}
    ]
    assert column_names(["genre", "genres", "other"], TRACKS) == {c.GENRES: "genres"}


def test_lines_refused_before_stay_refused_and_rows_may_bring_their_own_record() -> None:
    refused = refusals(pa.array([2]), "broken", pa.array(["x\ty"]))
    assert refused.column(c.RAW).to_pylist() == ['{"line": "x\\ty"}']
    chunk = Chunk(
        EVENTS,
        pa.table({c.USER_ID: ["u", None], c.TRACK_ID: ["t", "t"]}),
        pa.array([1, 3]),
        raw=lambda places: lines_as_json(pa.array(["first", "third"]).take(places)),
        refused=refused,
    )
    good, all_refused = conform(chunk, TIMES)
    assert good.column(c.SOURCE_ROW).to_pylist() == [1]
    assert all_refused.column(c.SOURCE_ROW).to_pylist() == [2, 3]
    assert all_refused.column(c.RAW).to_pylist()[1] == '{"line": "third"}'


def test_a_missing_column_is_named_with_what_is_there() -> None:
    schema = pa.schema([("user", pa.string()), ("track_id", pa.string())])
    with pytest.raises(
        InputError, match=r"f.csv: column user_id is missing, events need user_id and track_id; found user, t"
    ):
        check_columns(schema, EVENTS, "f.csv", typed=False)
    with pytest.raises(InputError, match="found no column"):
        check_columns(pa.schema([]), EVENTS, "f.csv", typed=False)


def test_a_column_of_a_wrong_type_is_named_as_the_file_calls_it() -> None:
    schema = pa.schema([("track_id", pa.string()), ("genre", pa.float64())])
    with pytest.raises(InputError, match=r"f.parquet: column genre has type double, but needs a list"):
        check_columns(schema, TRACKS, "f.parquet", typed=True)
    schema = pa.schema([("user_id", pa.string()), ("track_id", pa.string()), ("played_ms", pa.string())])
    check_columns(schema, EVENTS, "f.csv", typed=False)
    with pytest.raises(
        InputError, match=r"column played_ms has type string, but needs whole numbers. Convert it"
    ):
        check_columns(schema, EVENTS, "f.parquet", typed=True)


def test_who_stands_under_a_pseudonym_of_the_lake_is_refused_and_who_looks_like_one_is_not() -> None:
    keys, other = UserKeys((UserKey(b"a" * 32), UserKey(b"b" * 32)), "here"), UserKey(b"c" * 32)
    names = [
        *(key.pseudonym("u") for key in keys.keys),
        other.pseudonym("u"),
        "u" * PSEUDONYM_BYTES,
        "ü",
        None,
    ]
    rows = pa.table({c.USER_ID: names, c.TRACK_ID: ["t"] * len(names)})
    chunk = Chunk(EVENTS, rows, pa.array(range(len(names))))
    good, refused = conform(chunk, TIMES, keys)
    assert good.column(c.SOURCE_ROW).to_pylist() == [2, 3, 4]
    assert [(each[c.REASON], each["value"]) for each in refused.to_pylist()] == [
        *((PSEUDONYM, name) for name in names[:2]),
        ("user_id is missing", None),
    ]
    assert (
        conform(Chunk(TRACKS, pa.table({c.TRACK_ID: [names[0]]}), pa.array([0])), TIMES, keys)[0].num_rows
        == 1
    )
