"""Gold becomes rows in the order of users and time; the split adapts to the data or says what is missing."""

import logging
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.catalogue import UNKNOWN_DAY
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.lake import GOLD, SILVER, Lake
from crossfade.lake.layout import CATALOGUE, GOLD_SCHEMAS, INTERACTIONS, USER_PROFILES
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError, NotFoundError, TrainingError
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.schema.tables import PLAYLISTS

START = datetime(2026, 1, 1, tzinfo=UTC)
Act = tuple[str, str, float | None, float]  # user, track, day, strength


def lake_of(tmp_path: Path, acts: list[Act], *, sessions: list[str | None] | None = None) -> Lake:
    lake = Lake.create(tmp_path / "lake")
    rows = [
        {
            c.USER_ID: user,
            c.TRACK_ID: track,
            c.TIMESTAMP: None if day is None else START + timedelta(days=day),
            c.STRENGTH: strength,
            c.SESSION_ID: session,
        }
        for (user, track, day, strength), session in zip(acts, sessions or [None] * len(acts), strict=True)
    ]
    users, tracks = (
        sorted({act[0] for act in acts}, reverse=True),
        sorted({act[1] for act in acts}, reverse=True),
    )
    lake.overwrite(GOLD, INTERACTIONS, _table(rows, INTERACTIONS))
    lake.overwrite(GOLD, USER_PROFILES, _table([{c.USER_ID: user} for user in users], USER_PROFILES))
    lake.overwrite(GOLD, CATALOGUE, _table([{c.TRACK_ID: track} for track in tracks], CATALOGUE))
    return lake


def _table(rows: list[dict[str, object]], name: str) -> pa.Table:
    schema = GOLD_SCHEMAS[name]
    return pa.Table.from_pylist([{key: row.get(key) for key in schema.names} for row in rows], schema=schema)


def steady(days: int, a_day: int = 2) -> list[Act]:
    return [(f"u{n}", f"t{n}", day + 0.5, 1.0) for day in range(days) for n in range(a_day)]


def day_of(moment: int) -> float:
    return (moment - START.timestamp()) / SECONDS_PER_DAY


def test_interactions_are_rows_sorted_by_user_then_time(tmp_path: Path) -> None:
    acts: list[Act] = [("b", "y", 3.0, 1.0), ("a", "x", 2.0, -0.5), ("a", "y", 1.0, 5.0), *steady(4)]
    made = make_dataset(lake_of(tmp_path, acts), default_settings())
    assert made.users.ids.ids.to_pylist() == ["a", "b", "u0", "u1"]
    assert made.catalogue.tracks.ids.to_pylist() == ["t0", "t1", "x", "y"]
    first = made.interactions.where(made.interactions.user_rows == 0)
    assert first.track_rows.tolist() == [3, 2]
    assert first.strengths.tolist() == [5.0, -0.5]
    keys = list(zip(made.interactions.user_rows.tolist(), made.interactions.seconds.tolist(), strict=True))
    assert keys == sorted(keys)


def test_sessions_are_numbered_within_users_and_missing_ones_stand_alone(tmp_path: Path) -> None:
    acts: list[Act] = [("a", "x", 1.0, 1.0), ("a", "y", 1.1, 1.0), ("b", "x", 2.0, 1.0), ("b", "y", 3.0, 1.0)]
    lake = lake_of(tmp_path, acts, sessions=["s", "s", "s", None])
    sessions = make_dataset(lake, default_settings()).interactions.sessions
    assert sessions[0] == sessions[1]
    assert len({*sessions[1:].tolist()}) == 3


def test_steady_listening_is_split_by_weeks(tmp_path: Path) -> None:
    split = make_dataset(lake_of(tmp_path, steady(40)), default_settings()).split
    assert [day_of(split.validation_start), day_of(split.test_start)] == [26, 33]
    assert split.has_time


def test_patchy_listening_takes_the_fewest_days_with_a_twentieth_of_it(tmp_path: Path) -> None:
    # 100 listens on days 0 to 49, none for a while, then 3 on day 60 and 3 on day 61: 6 of 106 are over 5 %.
    acts = [*steady(50), *[("u0", "t0", day, 1.0) for day in (60.1, 60.2, 60.3, 61.1, 61.2, 61.3)]]
    split = make_dataset(lake_of(tmp_path, acts), default_settings()).split
    assert day_of(split.test_start) == 60
    # The gap has nothing to validate on: the newest days before it that hold a twentieth do.
    assert day_of(split.validation_start) == 47
    settings = parse_settings("", ["split.test_days=1", "split.validation_days=1"])
    split = make_dataset(Lake.open(tmp_path / "lake"), settings).split
    assert [day_of(split.validation_start), day_of(split.test_start)] == [60, 61]


def test_one_day_is_still_split_in_the_order_of_time(tmp_path: Path) -> None:
    acts: list[Act] = [("a", f"t{n}", n / 100, 1.0) for n in range(100)]
    made = make_dataset(lake_of(tmp_path, acts), default_settings())
    assert np.sum(made.interactions.seconds < made.split.validation_start) == 80
    assert np.sum(made.interactions.seconds >= made.split.test_start) == 10


def test_without_timestamps_the_split_is_random_by_seed_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = lake_of(tmp_path, [(f"u{n % 10}", f"t{n}", None, 1.0) for n in range(200)])
    with caplog.at_level(logging.WARNING):
        made = make_dataset(lake, default_settings())
    assert "No interaction has a timestamp" in caplog.text
    assert not made.split.has_time
    assert 10 <= np.sum(made.interactions.seconds >= made.split.test_start) <= 30
    again = make_dataset(lake, default_settings())
    other = make_dataset(lake, parse_settings("", ["seed=7"]))
    assert np.array_equal(made.interactions.track_rows, again.interactions.track_rows)
    assert not np.array_equal(made.interactions.track_rows, other.interactions.track_rows)


def test_without_timestamps_each_period_has_about_its_share(tmp_path: Path) -> None:
    # A tenth of 10,000 is 1,000 with a standard deviation of 30; half of the pairs are repeats.
    lake = lake_of(tmp_path, [(f"u{n % 100}", f"t{n % 5000}", None, 1.0) for n in range(10_000)])
    made = make_dataset(lake, default_settings())
    edges = [made.split.validation_start, made.split.test_start]
    counts = np.bincount(np.searchsorted(edges, made.interactions.seconds, side="right"))
    assert counts == pytest.approx([8000, 1000, 1000], abs=120)
    assert made.interactions.seconds.max() < made.split.end


def test_without_timestamps_repeats_of_a_pair_stand_in_one_period(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, [(f"u{n % 100}", f"t{n % 500}", None, 1.0) for n in range(2000)])
    made = make_dataset(lake, default_settings())
    acts, split = made.interactions, made.split
    edges = [split.validation_start, split.test_start]
    found = set(
        zip(acts.user_rows, acts.track_rows, np.searchsorted(edges, acts.seconds, side="right"), strict=True)
    )
    assert len(found) == 500


def test_one_timestamp_for_all_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = lake_of(tmp_path, [(f"u{n % 10}", f"t{n}", 3.0, 1.0) for n in range(200)])
    with caplog.at_level(logging.WARNING):
        made = make_dataset(lake, default_settings())
    assert "All interactions have one timestamp: the split is random by seed" in caplog.text
    assert not made.split.has_time
    assert 10 <= np.sum(made.interactions.seconds >= made.split.test_start) <= 30


@pytest.mark.parametrize(
    "more", [("a", "a", None, 1.0), ("u3", "t3", None, 1.0), ("u5", "new", None, 1.0), ("z", "t0", None, 1.0)]
)
def test_without_timestamps_one_more_interaction_moves_no_other(tmp_path: Path, more: Act) -> None:
    def moments(acts: list[Act]) -> Counter[tuple[str | None, str | None, int]]:
        made = make_dataset(lake_of(tmp_path, acts), default_settings())
        users = made.users.ids.names(made.interactions.user_rows)
        tracks = made.catalogue.tracks.names(made.interactions.track_rows)
        return Counter(zip(users, tracks, made.interactions.seconds.tolist(), strict=True))

    acts: list[Act] = [(f"u{n % 10}", f"t{n % 50}", None, 1.0) for n in range(200)]
    before, after = moments(acts), moments([*acts, more])
    assert before <= after
    assert [found[:2] for found in after - before] == [more[:2]]


def test_interactions_without_time_among_timed_ones_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = lake_of(tmp_path, [*steady(10), ("u0", "t1", None, 1.0)])
    with caplog.at_level(logging.WARNING):
        made = make_dataset(lake, default_settings())
    assert "1 interactions have no timestamp" in caplog.text
    assert len(made.interactions) == 20


def test_pinned_versions_are_read_and_kept(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, steady(10))
    old = make_dataset(lake, default_settings()).lake_versions
    lake_of(tmp_path, steady(20))
    assert len(make_dataset(lake, default_settings(), old).interactions) == 20
    assert make_dataset(lake, default_settings(), old).lake_versions == old
    assert make_dataset(lake, default_settings()).lake_versions != old


def test_versions_of_different_refreshes_are_refused(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, steady(10))
    lake_of(tmp_path, [*steady(10), ("new", "t0", 1.0, 1.0)])
    with pytest.raises(
        IntegrityError,
        match=r"names users or tracks that the other tables lack: the versions .* do not belong",
    ):
        make_dataset(lake, default_settings(), {"gold/user_profiles": 0})


def test_of_a_sample_only_its_own_rows_are_read(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, steady(30, 3))
    whole, settings = make_dataset(lake, default_settings()), default_settings()
    some = make_dataset(lake, settings, split=whole.split, only=pa.array(["u1", "u2", "nobody"]))
    assert some.users.ids.ids.to_pylist() == ["u1", "u2"]
    assert some.catalogue.tracks.ids.equals(whole.catalogue.tracks.ids)
    kept = whole.interactions.user_rows > 0
    for name in ("track_rows", "seconds", "strengths"):
        of_whole = getattr(whole.interactions, name)[kept]
        assert getattr(some.interactions, name).tolist() == of_whole.tolist()


def test_reading_by_batches_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: list[Act] = [(f"u{n % 7}", f"t{n % 5}", n / 3, 1.0) for n in range(100)]
    lake = lake_of(tmp_path, acts, sessions=[f"s{n // 4}" if n % 3 else None for n in range(100)])
    whole = make_dataset(lake, default_settings()).interactions
    monkeypatch.setattr("crossfade.features.gold_tables.BATCH_ROWS", 16)
    parts = make_dataset(lake, default_settings()).interactions
    for name in ("user_rows", "track_rows", "seconds", "strengths", "sessions"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name
    assert whole.sessions.tolist()[0] == 0


def test_a_dataset_survives_the_disk(tmp_path: Path) -> None:
    made = make_dataset(lake_of(tmp_path, steady(10)), default_settings())
    made.save(tmp_path / "dataset")
    loaded = type(made).load(tmp_path / "dataset")
    assert loaded.split == made.split
    assert loaded.catalogue.table == made.catalogue.table
    assert np.array_equal(loaded.interactions.seconds, made.interactions.seconds)


@pytest.mark.parametrize(
    ("acts", "assignments", "message"),
    [
        ([], [], "gold has 0 users and 0 interactions"),
        ([("a", "x", 1.0, -1.0), ("a", "y", 2.0, 0.0)], [], "none of 2 interactions is one"),
        (steady(3), ["split.test_days=30"], "training has 0, validation has 0, test has 6 of the 6"),
        ([("a", "x", 1.0, 1.0)], [], "validation has 0"),
    ],
)
def test_what_cannot_be_split_says_what_was_found(
    tmp_path: Path, acts: list[Act], assignments: list[str], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        make_dataset(lake_of(tmp_path, acts), parse_settings("", assignments))


def test_a_lake_that_was_never_refreshed_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="gold/interactions"):
        make_dataset(Lake.create(tmp_path / "lake"), default_settings())


def test_without_timestamps_release_dates_say_nothing(tmp_path: Path) -> None:
    untimed: list[Act] = [(f"u{n % 7}", f"t{n % 5}", None, 1.0) for n in range(70)]
    timed: list[Act] = [(user, track, place / 2, 1.0) for place, (user, track, _, _) in enumerate(untimed)]
    for name, acts, is_known in (("untimed", untimed, False), ("timed", timed, True)):
        lake = lake_of(tmp_path / name, acts)
        dated = [{c.TRACK_ID: f"t{n}", c.RELEASE_DATE: date(2015, 1, 1 + n)} for n in range(5)]
        lake.overwrite(GOLD, CATALOGUE, _table(dated, CATALOGUE))
        days = make_dataset(lake, default_settings()).catalogue.release_days
        assert ((days != UNKNOWN_DAY) == is_known).all()


def with_playlists(lake: Lake) -> Lake:
    rows = [
        {c.PLAYLIST_ID: "p1", c.TITLE: "Mine", c.TRACK_IDS: ["t1", "t0"], c.TIMESTAMP: START},
        {c.PLAYLIST_ID: "p2", c.TITLE: "Undated", c.TRACK_IDS: ["t0"], c.TIMESTAMP: None},
    ]
    lake.overwrite(SILVER, PLAYLISTS.name, pa.Table.from_pylist(rows, schema=PLAYLISTS.schema))
    return lake


def test_dated_playlists_are_read_and_others_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = with_playlists(lake_of(tmp_path, steady(10)))
    with caplog.at_level(logging.WARNING):
        made = make_dataset(lake, default_settings())
    assert made.playlists.titles.to_pylist() == ["Mine"]
    assert made.playlists.track_rows.tolist() == [1, 0]
    assert made.lake_versions["silver/playlists"] == 0
    assert "1 of 2 playlists have no timestamp: they are left out." in caplog.text


def test_without_times_playlists_are_left_out(tmp_path: Path) -> None:
    acts: list[Act] = [(f"u{n}", f"t{n % 7}", None, 1.0) for n in range(60)]
    made = make_dataset(with_playlists(lake_of(tmp_path, acts)), default_settings())
    assert len(made.playlists) == 0
