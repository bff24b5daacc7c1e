"""Repeats go, sessions break at pauses, the last import of a key wins, and tracks that nobody described are implied."""

import ibis
import ibis.expr.types as ir
import pytest

from crossfade.lake import silver
from crossfade.lake.arrivals import live_imports, with_arrival
from crossfade.lake.layout import BOTS_SCHEMA, SILVER_SCHEMAS
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import ARTISTS, PLAYLISTS, TRACKS
from tests.lake.rows import Row, bronze, minute, table

SETTINGS = default_settings().lake


def silver_events(rows: list[Row]) -> dict[str, Row]:
    """Return the silver events by event id."""
    raw = ibis.memtable(bronze(rows))
    same = ibis.memtable(silver.same_ids(raw).to_pyarrow())
    dropped = same.union(ibis.memtable(silver.exact_repeats(raw, same).to_pyarrow()))
    arrived = with_arrival(raw, live_imports(raw, SETTINGS), SETTINGS)
    clean = silver.events(
        arrived, dropped, silver.sessions(raw, dropped, SETTINGS), table([], BOTS_SCHEMA)
    ).to_pyarrow()
    assert set(clean.column_names) == set(SILVER_SCHEMAS["events"].names)
    return {row[c.EVENT_ID]: row for row in clean.to_pylist()}


def play(at: float | None, track: str = "t", user: str = "u", **more: object) -> Row:
    return {c.USER_ID: user, c.TRACK_ID: track, c.TIMESTAMP: None if at is None else minute(at), **more}


def test_of_rows_with_one_event_id_the_fullest_stays() -> None:
    rows = [
        play(0, event_id="x", played_ms=10),
        play(5, "s", event_id="x", played_ms=20),
        play(9, event_id="y"),
    ]
    found = silver_events(rows)
    assert sorted(found) == ["x", "y"]
    assert found["x"][c.TRACK_ID] == "s"


def test_of_plays_of_a_track_in_one_second_the_fullest_stays() -> None:
    found = silver_events(
        [play(0, played_share=0.5), play(0, played_share=1.0), play(0.01, played_share=None)]
    )
    # 0.01 minutes are 0.6 seconds: still the same second.
    assert list(found) == ["e1"]


@pytest.mark.parametrize(
    "other",
    [
        play(0, "other"),
        play(0, user="other"),
        play(0.02),
        play(0, event_type="save"),
        play(0, slate_id="other"),
    ],
)
def test_what_differs_in_track_user_second_type_or_slate_is_no_repeat(other: Row) -> None:
    assert len(silver_events([play(0), other])) == 2


def test_without_time_plays_of_a_track_are_told_by_their_ids_and_have_no_session() -> None:
    found = silver_events([play(None), play(None), play(0)])
    assert [found[event][c.SESSION_ID] for event in ("e0", "e1", "e2")] == [
        None,
        None,
        "u@2026-01-01T00:00:00Z",
    ]
    assert found["e0"][c.SESSION_POSITION] is None


def test_a_pause_over_the_gap_starts_a_session_and_one_of_just_the_gap_does_not() -> None:
    rows = [play(0), play(30, "a"), play(60.1, "b"), play(61, "c"), play(3, "d", user="v")]
    found = silver_events(rows)
    sessions = [(found[f"e{n}"][c.SESSION_ID], found[f"e{n}"][c.SESSION_POSITION]) for n in range(5)]
    assert sessions == [
        ("u@2026-01-01T00:00:00Z", 0),
        ("u@2026-01-01T00:00:00Z", 1),
        ("u@2026-01-01T01:00:06Z", 0),
        ("u@2026-01-01T01:00:06Z", 1),
        ("v@2026-01-01T00:03:00Z", 0),
    ]
    assert not any(row[c.IS_BOT] for row in found.values())


def test_a_made_session_keeps_its_name_when_later_events_arrive() -> None:
    before = silver_events([play(0), play(10, "a")])["e1"][c.SESSION_ID]
    assert silver_events([play(0), play(10, "a"), play(20, "b")])["e1"][c.SESSION_ID] == before


def test_the_source_s_sessions_are_kept_across_pauses_and_others_are_made_around_them() -> None:
    rows = [
        play(0, session_id="s"),
        play(300, "a", session_id="s"),
        play(301, "b"),
        play(302, "c", session_id="z"),
    ]
    found = silver_events(rows)
    assert [found[f"e{n}"][c.SESSION_ID] for n in range(4)] == ["s", "s", "u@2026-01-01T05:01:00Z", "z"]
    assert [found[f"e{n}"][c.SESSION_POSITION] for n in range(4)] == [0, 1, 0, 0]


def test_the_last_import_of_a_key_wins_whole() -> None:
    rows: list[Row] = [
        {c.ARTIST_ID: "a", c.NAME: "new", c.IMPORTED_AT: minute(2)},
        {c.ARTIST_ID: "a", c.NAME: "old", c.COUNTRY: "SE", c.IMPORTED_AT: minute(1)},
        {c.ARTIST_ID: "b", c.NAME: "only"},
    ]
    found = silver.newest(ibis.memtable(bronze(rows, ARTISTS)), ARTISTS).order_by(c.ARTIST_ID).to_pyarrow()
    assert found.column(c.NAME).to_pylist() == ["new", "only"]
    assert found.column(c.COUNTRY).to_pylist() == [None, None]


def catalogue(
    tracks: list[Row],
    events: tuple[Row, ...] = (),
    artists: tuple[Row, ...] = (),
    lists: tuple[Row, ...] = (),
) -> dict[str, Row]:
    known, heard = ibis.memtable(bronze(tracks, TRACKS)), table(list(events), SILVER_SCHEMAS["events"])
    implied = silver.implied_tracks(known, heard, table(list(lists), PLAYLISTS.schema))
    found = silver.tracks(known, table(list(artists), ARTISTS.schema), heard, implied)
    return {str(row[c.TRACK_ID]): row for row in found.to_pyarrow().to_pylist()}


def test_the_primary_artist_is_the_first_and_its_name_is_filled_in_where_missing() -> None:
    artists: tuple[Row, ...] = ({c.ARTIST_ID: "a", c.NAME: "Ann"}, {c.ARTIST_ID: "b", c.NAME: "Bob"})
    tracks: list[Row] = [
        {c.TRACK_ID: "1", c.ARTIST_IDS: ["b", "a"]},
        {c.TRACK_ID: "2", c.ARTIST_IDS: ["a"], c.ARTIST_NAME: "Own"},
        {c.TRACK_ID: "3", c.ARTIST_IDS: []},
    ]
    found = catalogue(tracks, artists=artists)
    assert {key: (row[c.ARTIST_ID], row[c.ARTIST_NAME]) for key, row in found.items()} == {
        "1": ("b", "Bob"),
        "2": ("a", "Own"),
        "3": (None, None),
    }


def test_tracks_that_only_events_or_playlists_name_are_implied_with_the_events_artist() -> None:
    events: tuple[Row, ...] = (
        {c.TRACK_ID: "1", c.ARTIST_ID: "a"},
        {c.TRACK_ID: "2", c.ARTIST_ID: "z"},
        {c.TRACK_ID: "2", c.ARTIST_ID: "b"},
        {c.TRACK_ID: None, c.ARTIST_ID: "followed"},
    )
    lists: tuple[Row, ...] = ({c.PLAYLIST_ID: "p", c.TRACK_IDS: ["3", "1"]},)
    tracks: list[Row] = [{c.TRACK_ID: "1", c.TITLE: "One"}]
    found = catalogue(tracks, events, lists=lists)
    assert {key: row[c.ARTIST_IDS] for key, row in found.items()} == {"1": ["a"], "2": ["b"], "3": None}
    assert {key: row[c.TITLE] for key, row in found.items()} == {"1": "One", "2": None, "3": None}
    implied = silver.implied_tracks(
        ibis.memtable(bronze(tracks, TRACKS)),
        table(list(events), SILVER_SCHEMAS["events"]),
        table(list(lists), PLAYLISTS.schema),
    )
    assert sorted(implied.to_pyarrow().column(c.TRACK_ID).to_pylist()) == ["2", "3"]


def test_heard_tracks_are_counted_on_from_replaced_days() -> None:
    events: list[Row] = [
        {c.TRACK_ID: "1", c.ARTIST_ID: "a"},
        {c.TRACK_ID: "1", c.ARTIST_ID: "a"},
        {c.TRACK_ID: "1"},
        {c.TRACK_ID: "2", c.ARTIST_ID: "b"},
        {c.ARTIST_ID: "followed"},
    ]

    def heard(rows: list[Row]) -> ir.Table:
        return silver.heard_tracks(table(rows, SILVER_SCHEMAS["events"]))

    def told(rows: ir.Table) -> set[tuple[object, ...]]:
        return {tuple(row.values()) for row in rows.to_pyarrow().to_pylist()}

    assert told(heard(events)) == {("1", "a", 2), ("1", None, 1), ("2", "b", 1)}
    now: list[Row] = [
        {c.TRACK_ID: "1"},
        {c.TRACK_ID: "3"},
    ]  # in place of the second play and the one of track 2
    found = silver.heard_tracks_by_days(heard(events), heard(events[1:2] + events[3:]), heard(now))
    assert told(found) == {("1", "a", 1), ("1", None, 2), ("3", None, 1)}


def test_the_catalogue_s_own_artists_win_over_the_events() -> None:
    events: Row = {c.TRACK_ID: "1", c.ARTIST_ID: "wrong"}
    assert catalogue([{c.TRACK_ID: "1", c.ARTIST_IDS: ["a"]}], (events,))["1"][c.ARTIST_ID] == "a"
