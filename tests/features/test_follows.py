"""Whom users follow, as of a moment: read from events, cut by time, moved to other rows, kept in files."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.follows import MOST_FOLLOWED, Follows
from crossfade.features.gold_tables import EVENTS_TABLE, read_follows
from crossfade.lake.lake import SILVER, Lake
from crossfade.schema.ids import IdMap
from tests import builders

USERS = IdMap(pa.array(["ann", "ben", "cyd"]))
CATALOGUE = builders.catalogue([{"track_id": f"{name}1", "artist_ids": [name]} for name in "xyz"])


def events(*rows: tuple[str, str | None, str | None, int | None]) -> pa.Table:
    """User, track, artist and UTC seconds of each follow."""
    users, tracks, artists, seconds = zip(*rows, strict=True)
    times = [None if moment is None else datetime.fromtimestamp(moment, UTC) for moment in seconds]
    columns = [pa.array(column, pa.string()) for column in (users, tracks, artists)]
    times_column = pa.array(times, pa.timestamp("us", "UTC"))
    return pa.table([*columns, times_column], ["user_id", "track_id", "artist_id", "timestamp"])


@pytest.fixture
def follows() -> Follows:
    told = events(
        ("ben", "x1", "y", 30),  # the artist named counts before the track's
        ("ben", "z1", None, 20),
        ("ben", None, "z", 40),  # again
        ("ann", "x1", None, 10),
        ("ann", "no", "nobody", 10),
        ("eve", "x1", None, 10),
        ("cyd", "x1", None, None),
    )
    return Follows.of(told, USERS, CATALOGUE)


def test_follows_are_of_known_users_and_artists_with_a_time_each_once(follows: Follows) -> None:
    assert list(zip(follows.user_rows, follows.artist_rows, follows.seconds, strict=True)) == [
        (0, 0, 10),
        (1, 2, 20),
        (1, 1, 30),
    ]


def test_only_what_was_followed_before_the_moment_counts_the_latest_first(follows: Follows) -> None:
    def followed(*asked: tuple[int, int]) -> list[list[int]] | None:
        rows, moments = zip(*asked, strict=True)
        found = follows.followed(np.array(rows, np.int32), np.array(moments, np.int64))
        return None if found is None else [[artist for artist in each if artist >= 0] for each in found]

    assert followed((1, 31), (1, 30), (0, 99), (-1, 99)) == [[1, 2], [2], [0], []]
    assert followed((2, 99), (-1, 99)) is None
    assert len(follows.before(20)) == 1
    assert followed((1, 20)) == [[]]


def test_of_very_many_the_latest_count() -> None:
    many = np.arange(MOST_FOLLOWED + 50, dtype=np.int32)
    follows = Follows(np.zeros(len(many), np.int32), many, many.astype(np.int64))
    found = follows.followed(np.zeros(1, np.int32), np.array([10**6]))
    assert found is not None
    assert found[0].tolist() == many[::-1][:MOST_FOLLOWED].tolist()


def test_follows_move_to_other_rows_and_are_kept(follows: Follows, tmp_path: Path) -> None:
    moved = follows.renumbered(np.array([1, 0, -1], np.int32), np.array([5, -1, 3], np.int32))
    assert list(zip(moved.user_rows, moved.artist_rows, strict=True)) == [(0, 3), (1, 5)]
    assert len(Follows.load(tmp_path)) == 0
    follows.save(tmp_path)
    loaded = Follows.load(tmp_path)
    assert loaded.artist_rows.tolist() == follows.artist_rows.tolist()


def test_follow_events_of_the_lake_are_read_without_bots(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    told = events(("ann", "x1", None, 10), ("ben", "y1", None, 20), ("cyd", "z1", None, 30))
    told = told.append_column("event_type", pa.array(["follow", "listen", "follow"]))
    lake.overwrite(SILVER, "events", told.append_column("is_bot", pa.array([False, False, True])))
    found = read_follows(lake, USERS, CATALOGUE, {EVENTS_TABLE: 0})
    assert list(zip(found.user_rows, found.artist_rows, strict=True)) == [(0, 0)]
    assert len(read_follows(lake, USERS, CATALOGUE, {})) == 0


def test_queries_and_cut_datasets_know_what_was_followed_by_then() -> None:
    plays: list[builders.Play] = [("ann", "x1", 1.0), ("ben", "y1", 2.0)]
    world = builders.dataset(plays, CATALOGUE)
    day = 86_400
    world = replace(world, follows=Follows(*(np.array(each) for each in ([0, 1], [2, 2], [day, 3 * day]))))
    both = np.array([0, 1], np.int32)
    asked = world.queries(both, 4 * day)
    assert asked.followed is not None
    assert asked.followed.tolist() == [[2], [2]]
    assert asked.positives.take(np.array([1])).followed is not None
    cut = world.until(2 * day).queries(both, 4 * day)
    assert cut.followed is not None
    assert cut.followed.tolist() == [[2], [-1]]
