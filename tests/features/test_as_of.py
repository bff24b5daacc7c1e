"""The point-in-time join against planted cases, and against a search by hand over random histories."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from crossfade.features.as_of import as_of
from crossfade.features.definitions import ARTIST, COUNTRY_TRACK, Entity, freshness_hours
from crossfade.features.stored import schema_of
from crossfade.schema import columns as c
from crossfade.schema.tables import TIMESTAMP_TYPE

START = datetime(2026, 1, 1, tzinfo=UTC)
History = list[tuple[str, float, float, float]]  # artist, day of the features, day written, listens


def moment(day: float) -> datetime:
    return START + timedelta(days=day)


def history(rows: History) -> pa.Table:
    schema = pa.schema([*schema_of(ARTIST), (c.TIMESTAMP, TIMESTAMP_TYPE), (c.CREATED_AT, TIMESTAMP_TYPE)])
    return pa.Table.from_pylist(
        [
            {
                c.ARTIST_ID: artist,
                "artist_listens": listens,
                "artist_listeners": 1.0,
                "artist_tracks": 1.0,
                c.TIMESTAMP: moment(day),
                c.CREATED_AT: moment(written),
            }
            for artist, day, written, listens in rows
        ],
        schema=schema,
    )


def wanted(*rows: tuple[str, float]) -> pa.Table:
    schema = pa.schema([(c.ARTIST_ID, pa.string()), (c.TIMESTAMP, TIMESTAMP_TYPE)])
    return pa.Table.from_pylist(
        [{c.ARTIST_ID: artist, c.TIMESTAMP: moment(day)} for artist, day in rows], schema
    )


def listens(rows: History, *asked: tuple[str, float]) -> list[float | None]:
    joined = as_of(history(rows), wanted(*asked), ARTIST)
    assert joined.column_names == [
        c.ARTIST_ID,
        c.TIMESTAMP,
        "artist_listens",
        "artist_listeners",
        "artist_tracks",
    ]
    return list(joined.column("artist_listens").to_pylist())


def test_the_newest_row_that_is_not_after_the_moment_counts() -> None:
    rows: History = [("a", 2, 2, 20), ("a", 1, 1, 10), ("b", 1, 1, 7)]
    asked = [("a", 0.9), ("a", 1.0), ("a", 1.5), ("a", 2.0), ("b", 2.0), ("c", 2.0)]
    assert listens(rows, *asked) == [None, 10, 10, 20, 7, None]


def test_a_backfill_tells_the_past_nothing() -> None:
    # Day 2 was written on day 5 only; day 1 was written again on day 6.
    rows: History = [("a", 1, 1, 10), ("a", 2, 5, 20), ("a", 1, 6, 11), ("a", 3, 3, 30)]
    assert listens(rows, ("a", 2.5), ("a", 4), ("a", 5), ("a", 7)) == [10, 30, 30, 30]
    assert listens(rows[:3], ("a", 2.5), ("a", 5), ("a", 7)) == [10, 20, 20]
    assert listens([rows[0], rows[2]], ("a", 5), ("a", 6)) == [10, 11]


def test_what_is_older_than_its_freshness_is_not_used() -> None:
    days = freshness_hours(ARTIST) / 24
    assert listens([("a", 1, 1, 10)], ("a", 1 + days), ("a", 1 + days + 0.001)) == [10, None]


def test_no_history_and_nothing_wanted() -> None:
    assert listens([], ("a", 1)) == [None]
    assert listens([("a", 1, 1, 10)]) == []


def test_all_keys_of_an_entity_must_agree() -> None:
    schema = pa.schema(
        [*schema_of(COUNTRY_TRACK), (c.TIMESTAMP, TIMESTAMP_TYPE), (c.CREATED_AT, TIMESTAMP_TYPE)]
    )
    rows = [("SE", "t1", 1.0), ("SE", "t2", 2.0), ("NO", "t1", 3.0)]
    table = pa.table([*zip(*rows, strict=True), [moment(0)] * 3, [moment(0)] * 3], names=schema.names).cast(
        schema
    )
    asked = pa.table(
        {c.COUNTRY: ["NO", "NO", "SE"], c.TRACK_ID: ["t1", "t2", "t2"], c.TIMESTAMP: [moment(1)] * 3}
    )
    assert as_of(table, asked, COUNTRY_TRACK).column("country_listens").to_pylist() == [3, None, 2]


def test_random_histories_agree_with_a_search_by_hand() -> None:
    random = np.random.default_rng(1)
    rows: History = [
        (str(random.choice(list("abcd"))), day, day + int(random.integers(0, 4)), float(number))
        for number, day in enumerate(random.integers(0, 20, 200).tolist())
    ]
    asked = [(str(random.choice(list("abcde"))), float(day)) for day in random.uniform(0, 30, 300)]
    assert listens(rows, *asked) == [by_hand(rows, artist, day, ARTIST) for artist, day in asked]


def by_hand(rows: History, artist: str, day: float, entity: Entity) -> float | None:
    known = [row for row in rows if row[0] == artist and row[1] <= day and row[2] <= day]
    if not known:
        return None
    # Of rows of one moment and one writing the one that stands last counts, as a stable sort has it.
    newest = max(enumerate(known), key=lambda each: (each[1][1], each[1][2], each[0]))[1]
    return newest[3] if newest[1] + freshness_hours(entity) / 24 >= day else None
