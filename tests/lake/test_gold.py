"""Strengths follow from what was played, days and profiles add up."""

from datetime import date

import ibis
import ibis.expr.types as ir
import pytest

from crossfade.lake import gold
from crossfade.lake.layout import GOLD_SCHEMAS, SILVER_SCHEMAS
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import USERS
from tests.lake.rows import Row, minute, table

SETTINGS = default_settings().lake
DAY = 24 * 60


def events(*rows: Row) -> ir.Table:
    own: Row = {
        c.USER_ID: "u",
        c.TRACK_ID: "t",
        c.EVENT_TYPE: "listen",
        c.IS_BOT: False,
        c.TIMESTAMP: minute(0),
    }
    return table([own | row for row in rows], SILVER_SCHEMAS["events"])


def test_what_an_event_tells_of_its_moment_is_kept() -> None:
    found = gold.interactions(
        events({c.DEVICE: "car", c.SHUFFLE: True, c.CONTEXT: "commute"}, {c.TRACK_ID: "t2"}),
        tracks(),
        SETTINGS,
    ).to_pyarrow()
    rows = {row[c.TRACK_ID]: [row[name] for name in c.SITUATION] for row in found.to_pylist()}
    assert rows == {"t": ["car", True, "commute"], "t2": [None, None, None]}


def tracks(*rows: Row) -> ir.Table:
    return table(list(rows), SILVER_SCHEMAS["tracks"])


def strength(duration_ms: int | None = None, **event: object) -> float:
    found = gold.interactions(
        events(event), tracks({c.TRACK_ID: "t", c.DURATION_MS: duration_ms}), SETTINGS
    ).to_pyarrow()
    return float(found.column(c.STRENGTH)[0].as_py())


@pytest.mark.parametrize(
    ("played_ms", "expected"),
    [
        (30_001, 1.0),
        # -(late - played) / (late - early) with late = 120 s and early = 2 s.
        (30_000, -90 / 118),
        (10_000, -110 / 118),
        (2_000, -1.0),
        (0, -1.0),
        (None, 1.0),
    ],
)
def test_a_listen_is_wanted_over_30_seconds_and_else_the_less_the_shorter(
    played_ms: int | None, expected: float
) -> None:
    assert strength(played_ms=played_ms) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("played_share", "duration_ms", "expected"),
    [
        (0.51, None, 1.0),
        # -(0.5 - share) / (0.5 - 0.02)
        (0.5, None, 0.0),
        (0.26, None, -0.5),
        (0.02, None, -1.0),
        (0.0, None, -1.0),
        # With a duration the share is a time: 20 s of 200 s, and 40 s.
        (0.1, 200_000, -100 / 118),
        (0.2, 200_000, 1.0),
    ],
)
def test_a_share_alone_becomes_time_where_the_duration_is_known(
    played_share: float, duration_ms: int | None, expected: float
) -> None:
    assert strength(duration_ms, played_share=played_share) == pytest.approx(expected, rel=1e-6)


def test_a_short_track_played_whole_is_wanted() -> None:
    assert strength(played_ms=20_000, played_share=1.0) == 1.0


@pytest.mark.parametrize(
    ("kind", "expected"), [("save", 5.0), ("like", 5.0), ("add_to_playlist", 5.0), ("dislike", -5.0)]
)
def test_saves_and_dislikes_have_the_strength_of_a_save(kind: str, expected: float) -> None:
    assert strength(event_type=kind) == expected


def test_follows_exposures_bots_and_events_without_a_track_are_no_interactions() -> None:
    rows: list[Row] = [
        {c.EVENT_TYPE: "follow"},
        {c.EVENT_TYPE: "exposure"},
        {c.IS_BOT: True},
        {c.TRACK_ID: None},
    ]
    found = gold.interactions(events(*rows), tracks(), SETTINGS)
    assert found.to_pyarrow().num_rows == 0
    assert found.columns == tuple(GOLD_SCHEMAS["interactions"].names)


def acts(*rows: Row) -> ir.Table:
    own: Row = {
        c.USER_ID: "u",
        c.TRACK_ID: "t",
        c.EVENT_TYPE: "listen",
        c.STRENGTH: 1.0,
        c.TIMESTAMP: minute(0),
    }
    return table([own | row for row in rows], GOLD_SCHEMAS["interactions"])


ACTS: list[Row] = [
    {},
    {c.STRENGTH: -1.0},
    {c.USER_ID: "v", c.TIMESTAMP: minute(DAY - 1)},
    {c.EVENT_TYPE: "save", c.STRENGTH: 5.0, c.USER_ID: "w"},
    {c.TIMESTAMP: minute(DAY)},
    {c.TIMESTAMP: None},
    {c.TRACK_ID: "other", c.STRENGTH: -0.5},
]


def test_days_of_tracks_count_listens_listeners_positives_skips_and_saves() -> None:
    found = gold.track_days(acts(*ACTS)).to_pyarrow().cast(GOLD_SCHEMAS["track_days"]).to_pylist()
    names = ("listens", "listeners", "positives", "early_skips", "saves")
    counts = {(row[c.TRACK_ID], row[c.DAY]): tuple(row[name] for name in names) for row in found}
    assert counts == {
        ("t", date(2026, 1, 1)): (3, 2, 2, 1, 1),
        ("t", date(2026, 1, 2)): (1, 1, 1, 0, 0),
        ("other", date(2026, 1, 1)): (1, 1, 0, 1, 0),
    }


def test_days_of_artists_sum_over_their_tracks_and_leave_out_the_unknown() -> None:
    known = tracks(
        {c.TRACK_ID: "t", c.ARTIST_ID: "a"}, {c.TRACK_ID: "other", c.ARTIST_ID: "a"}, {c.TRACK_ID: "none"}
    )
    found = gold.artist_days(acts(*ACTS, {c.TRACK_ID: "none"}), known).to_pyarrow().to_pylist()
    assert [(row[c.ARTIST_ID], row["listens"], row["listeners"]) for row in found] == [
        ("a", 4, 2),
        ("a", 1, 1),
    ]


def test_profiles_hold_everybody_with_country_and_habits() -> None:
    people = [{c.USER_ID: "named"}, {c.USER_ID: "told", c.COUNTRY: "SE", c.BIRTH_YEAR: 1990}]
    seen = events(
        *({c.USER_ID: "told", c.COUNTRY: "US"},) * 3,
        # The first one that names a country: what is played later must not tell of earlier moments.
        *(
            {c.USER_ID: "heard", c.COUNTRY: country, c.TIMESTAMP: minute(at)}
            for country, at in (("US", 9), ("AR", 2), ("US", 8), (None, 1), ("BR", 3))
        ),
        {c.USER_ID: "bot", c.IS_BOT: True},
    )
    done = acts(
        {c.USER_ID: "heard", c.TRACK_ID: "x", c.TIMESTAMP: minute(5)},
        {c.USER_ID: "heard", c.TRACK_ID: "x", c.TIMESTAMP: minute(1)},
        {c.USER_ID: "heard", c.TRACK_ID: "y", c.STRENGTH: -1.0, c.TIMESTAMP: minute(3)},
        {c.USER_ID: "heard", c.EVENT_TYPE: "like", c.STRENGTH: 5.0, c.TIMESTAMP: minute(9)},
    )
    found = (
        gold.user_profiles(gold.user_days(seen, done), gold.num_tracks(done), table(people, USERS.schema))
        .to_pyarrow()
        .cast(GOLD_SCHEMAS["user_profiles"])
    )
    rows = {row[c.USER_ID]: row for row in found.to_pylist()}
    assert list(rows) == ["heard", "named", "told"]
    assert {user: row[c.COUNTRY] for user, row in rows.items()} == {
        "heard": "AR",
        "named": None,
        "told": "SE",
    }
    assert rows["told"][c.BIRTH_YEAR] == 1990
    heard = rows["heard"]
    assert (heard["num_listens"], heard["num_tracks"], heard["num_saves"]) == (3, 2, 1)
    assert heard["skip_share"] == pytest.approx(1 / 3)
    assert (heard["first_listen"], heard["last_listen"]) == (minute(1), minute(5))
    assert (rows["named"]["num_listens"], rows["named"]["first_listen"]) == (0, None)


def test_an_odd_choice_of_limits_does_not_divide_by_zero() -> None:
    odd = SETTINGS.model_copy(update={"late_skip_ms": 2_000, "positive_share": 0.02})
    found = gold.interactions(
        events({c.PLAYED_MS: 1_000}, {c.PLAYED_SHARE: 0.01}), tracks(), odd
    ).to_pyarrow()
    assert all(-1 <= value <= 0 for value in found.column(c.STRENGTH).to_pylist())
    assert ibis.memtable(found).count().to_pyarrow().as_py() == 2
