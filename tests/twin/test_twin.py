"""The twin as a whole: canonical, consistent, deterministic, written and read."""

import hashlib
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, IntegrityError, NotFoundError
from crossfade.schema.ids import IdMap
from crossfade.schema.tables import TABLES, EventType
from crossfade.twin.spec import TwinSpec
from crossfade.twin.truth import Truth, read_truth
from crossfade.twin.twin import Twin, simulate

SMALL = TwinSpec(num_users=60, num_tracks=300, num_days=10, seed=5)


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_an_equal_spec_gives_equal_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    # Without any, who was planted is the same for all seeds: nobody.
    planted = replace(SMALL, farm_share=0.05, superfan_share=0.1, hijacked_share=0.1, traveller_share=0.1)
    for name, spec in (("one", planted), ("two", replace(planted)), ("other", replace(planted, seed=6))):
        simulate(spec).write(tmp_path / name)
    assert len(_digests(tmp_path / "one")) == len(TABLES) + len(fields(Truth))
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two")
    changed = _digests(tmp_path / "other")
    assert all(changed[name] != digest for name, digest in _digests(tmp_path / "one").items())


def test_more_listeners_leave_the_catalogue_as_it_is() -> None:
    assert simulate(SMALL).tracks.equals(simulate(replace(SMALL, num_users=70)).tracks)


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_canonical(twin: Twin, name: str) -> None:
    table = getattr(twin, name)
    table.validate(full=True)
    assert table.schema.equals(TABLES[name].schema)
    for column in TABLES[name].required:
        assert table[column].null_count == 0
    key = table.schema.names[0]
    assert pc.count_distinct(table[key]).as_py() == table.num_rows
    assert table[key].to_pylist() == sorted(table[key].to_pylist())


def test_sizes_are_those_of_the_spec(twin: Twin) -> None:
    assert twin.users.num_rows == 500
    assert twin.tracks.num_rows == 2_000
    assert twin.artists.num_rows == twin.spec.artists == 166
    assert pc.count_distinct(twin.events["user_id"]).as_py() > 480
    listens = pc.sum(pc.equal(twin.events["event_type"], EventType.LISTEN)).as_py()
    assert 3 < listens / 500 / 42 < 6


def test_every_reference_leads_somewhere(twin: Twin) -> None:
    users, tracks = twin.users["user_id"], twin.tracks["track_id"]
    artists, playlists = twin.artists["artist_id"], twin.playlists
    for column, known in (("user_id", users), ("track_id", tracks), ("artist_id", artists)):
        assert pc.all(pc.is_in(twin.events[column], known)).as_py()
    assert pc.all(pc.is_in(pc.list_flatten(twin.tracks["artist_ids"]), artists)).as_py()
    assert pc.all(pc.is_in(playlists["user_id"].drop_null(), users)).as_py()
    assert pc.all(pc.is_in(pc.list_flatten(playlists["track_ids"]), tracks)).as_py()
    rows = pc.index_in(twin.events["track_id"], tracks)
    primary = pc.list_element(twin.tracks["artist_ids"], 0).take(rows)
    assert pc.all(pc.equal(primary, twin.events["artist_id"])).as_py()


def test_nothing_is_heard_before_its_release_or_outside_of_the_window(twin: Twin) -> None:
    rows = pc.index_in(twin.events["track_id"], twin.tracks["track_id"])
    released = twin.tracks["release_date"].take(rows).cast(pa.int32()).to_numpy()
    days = twin.events["timestamp"].cast(pa.int64()).to_numpy() // 86_400_000_000
    assert (days >= released).all()
    assert days.min() == twin.spec.start_day
    assert days.max() == twin.spec.start_day + 41
    in_window = twin.tracks["release_date"].cast(pa.int32()).to_numpy() >= twin.spec.start_day
    assert (released >= twin.spec.start_day).sum() > 100
    assert 0.01 < in_window.mean() < 0.15


def test_playlists_hold_what_was_out_when_they_were_made(twin: Twin) -> None:
    owners = pc.list_parent_indices(twin.playlists["track_ids"])
    rows = pc.index_in(pc.list_flatten(twin.playlists["track_ids"]), twin.tracks["track_id"])
    released = twin.tracks["release_date"].take(rows).cast(pa.int32()).to_numpy()
    made = twin.playlists["timestamp"].take(owners).cast(pa.int64()).to_numpy() // 86_400_000_000
    assert (released <= made).all()
    assert made.max() < twin.spec.start_day + 42
    assert twin.playlists["user_id"].null_count > 40
    assert pc.any(pc.starts_with(twin.playlists["title"], "Top 50 ")).as_py()
    lengths = pc.list_value_length(twin.playlists["track_ids"])
    assert pc.min(lengths).as_py() >= 1
    assert pc.max(lengths).as_py() <= 50


def test_listeners_who_rule_out_explicit_tracks_hear_none(twin: Twin) -> None:
    users = pc.index_in(twin.events["user_id"], twin.users["user_id"])
    tracks = pc.index_in(twin.events["track_id"], twin.tracks["track_id"])
    ruled_out = pc.invert(twin.users["explicit_allowed"].take(users))
    explicit = twin.tracks["explicit"].take(tracks)
    assert pc.sum(ruled_out).as_py() > 1_000
    assert pc.sum(explicit).as_py() > 1_000
    assert not pc.any(pc.and_(ruled_out, explicit)).as_py()


def test_only_listens_are_played(twin: Twin) -> None:
    is_listen = pc.equal(twin.events["event_type"], EventType.LISTEN)
    assert pc.all(pc.equal(is_listen, pc.is_valid(twin.events["played_ms"]))).as_py()
    listens = twin.events.filter(is_listen)
    assert pc.min(listens["played_ms"]).as_py() >= 300
    assert pc.max(listens["played_share"]).as_py() <= 1
    mask = is_listen.to_numpy()
    assert np.array_equal(mask, np.isfinite(twin.truth.skip_probability))
    assert np.array_equal(mask, np.isfinite(twin.truth.event_mood_fit))


def test_featured_artists_stand_second_and_in_the_title(twin: Twin) -> None:
    featuring = twin.tracks.filter(pc.equal(pc.list_value_length(twin.tracks["artist_ids"]), 2))
    assert 0.03 < featuring.num_rows / twin.tracks.num_rows < 0.15
    guests = IdMap(twin.artists["artist_id"].combine_chunks()).rows(
        pc.list_element(featuring["artist_ids"], 1)
    )
    names = twin.artists["name"].take(pa.array(guests)).to_pylist()
    titles = featuring["title"].to_pylist()
    assert all(title.endswith(f" (feat. {name})") for title, name in zip(titles, names, strict=True))


@pytest.mark.parametrize(
    "spec",
    [
        TwinSpec(num_users=1, num_tracks=1, num_days=1),
        TwinSpec(num_users=3, num_tracks=5, num_days=2, num_artists=5, start=date(2024, 2, 28)),
        TwinSpec(num_users=2, num_tracks=40, num_days=9, listens_per_day=0.1),
        TwinSpec(num_users=5_003, num_tracks=30, num_days=1),  # more than live together
    ],
)
def test_any_size_can_be_simulated(spec: TwinSpec) -> None:
    twin = simulate(spec)
    assert twin.users.num_rows == spec.num_users
    assert twin.tracks.num_rows == spec.num_tracks
    assert len(twin.truth.event_moods) == twin.events.num_rows


def test_what_is_written_is_read_back(twin: Twin, tmp_path: Path) -> None:
    paths = twin.write(tmp_path / "twin")
    assert [path.name for path in paths] == [f"{name}.parquet" for name in TABLES]
    for path in paths:
        assert pq.read_table(path).cast(TABLES[path.stem].schema).equals(getattr(twin, path.stem))
    truth = read_truth(tmp_path / "twin")
    for field in fields(Truth):
        assert np.array_equal(getattr(truth, field.name), getattr(twin.truth, field.name), equal_nan=True)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match=r"directory that can be written, .*taken cannot: .*File exists"):
        simulate(SMALL).write(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_missing_or_broken_truth_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"{tmp_path} holds no truth of a twin"):
        read_truth(tmp_path)
    simulate(SMALL).write(tmp_path)
    broken = tmp_path / "truth" / "loyalty.npy"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(IntegrityError, match=r"truth is not whole; generate the twin again|not whole"):
        read_truth(tmp_path)
    broken.unlink()
    with pytest.raises(IntegrityError, match=r"not whole.*loyalty\.npy"):
        read_truth(tmp_path)


def test_column_names_come_from_the_vocabulary(twin: Twin) -> None:
    assert twin.events.column(c.CONTEXT).null_count == 0
    assert twin.events.column(c.SLATE_ID).null_count == twin.events.num_rows


def test_a_holiday_is_a_sunday_with_more_listening() -> None:
    spec = replace(SMALL, num_users=200)
    days = [(spec.start.weekday() + day) % 7 for day in range(spec.num_days)]
    tuesday = days.index(1)
    usual, festive = (_on_day(simulate(each), tuesday) for each in (spec, replace(spec, holidays=(tuesday,))))
    assert len(festive) > 1.1 * len(usual)
    commuting = [
        pc.mean(pc.equal(events.column(c.CONTEXT), "commute")).as_py() for events in (usual, festive)
    ]
    assert commuting[1] < 0.6 * commuting[0]


def _on_day(twin: Twin, day: int) -> pa.Table:
    dates = twin.events.column(c.TIMESTAMP).cast(pa.date32())
    return twin.events.filter(pc.equal(dates, twin.spec.start + timedelta(days=day)))
