import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.schema import code
from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError, NotFoundError, SettingsError
from crossfade.schema.ids import IdMap
from crossfade.schema.settings import WeeklySettings
from crossfade.schema.tables import Surface
from crossfade.store import shards, weekly
from crossfade.store.listeners import listeners
from crossfade.store.plan import PLANNED, ShardSpec, read_plan
from tests.builders import users
from tests.store.weeks import (
    NUM_TRACKS,
    NUM_USERS,
    SETTINGS,
    WEEKLY,
    Planted,
    Week,
    first_shard,
    generate,
    known_tracks,
    listening,
    nothing_heard,
    plan,
    publish,
    shard_files,
    track,
    week,
)


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_recommender", Planted.load)


@pytest.fixture
def batch(tmp_path: Path) -> Week:
    return week(tmp_path)


def test_plan_covers_all_users_once(batch: Week) -> None:
    specs = plan(batch)
    assert [(spec.first, spec.stop) for spec in specs] == [(0, 5), (5, 10), (10, 12)]
    assert plan(batch) == specs
    assert [ShardSpec.of(json.loads(json.dumps(spec.as_json()), parse_int=float)) for spec in specs] == specs
    generation, planned = read_plan(batch.workspace, WEEKLY, specs[0].generation)
    assert planned == specs
    assert (generation.bundle, generation.length, generation.num_users) == (batch.bundle.name, 30, NUM_USERS)
    assert generation.lake_versions == {"gold/interactions": 7}


def test_generation_is_named_by_its_inputs(batch: Week, tmp_path: Path) -> None:
    name = plan(batch)[0].generation
    assert name.startswith("19700411-")
    assert plan(batch, replace_settings(users_per_shard=3))[0].generation == name
    elsewhere = week(tmp_path / "elsewhere")
    assert plan(elsewhere)[0].generation == name
    newer = week(tmp_path / "newer", replace(listening(), lake_versions={"gold/interactions": 8}))
    assert plan(newer)[0].generation != name
    radio = weekly.plan_shards(batch.dataset, batch.bundle, batch.workspace, SETTINGS, Surface.RADIO)
    assert radio[0].generation != name


def test_shards_of_other_code_are_not_kept(batch: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan(batch)[0]
    assert generate(batch)
    monkeypatch.setattr(code, "content_hash", lambda: "0123456789ab")
    after = plan(batch)[0]
    assert after.generation != before.generation
    assert not first_shard(batch).exists()


def replace_settings(**values: int) -> WeeklySettings:
    return WeeklySettings.model_validate(SETTINGS.model_dump() | values)


def test_nobody_to_recommend_to(tmp_path: Path) -> None:
    nobody = Dataset(known_tracks(), users([]), nothing_heard(), listening().split, {})
    with pytest.raises(InputError, match=r"dataset at .* has no users to recommend to; import events first"):
        plan(week(tmp_path, nobody))


def test_shards_hold_what_the_recommender_says(batch: Week) -> None:
    receipts = generate(batch)
    assert [receipt.num_users for receipt in receipts] == [5, 5, 2]
    assert [receipt.num_full for receipt in receipts] == [4, 1, 0]
    assert receipts[0].short == {"few new tracks": 0, "few candidates": 1}
    assert receipts[1].short == {"few new tracks": 4, "few candidates": 0}
    slates = pq.read_table(first_shard(batch)).to_pylist()
    assert [slate["user_id"] for slate in slates] == ["u00", "u01", "u02", "u03", "u04"]
    assert slates[1]["track_ids"] == [track(number) for number in range(2, 32)]
    assert slates[3]["track_ids"] == [track(number) for number in range(6, 11)]
    assert slates[3]["sources"] == ["two_tower"] * 5
    assert slates[3]["reason_kinds"] == ["artist"] * 5
    assert slates[3]["reasons"][0] == "You listen to Band 6"


def test_batches_of_any_size_give_the_same_slates(batch: Week, tmp_path: Path) -> None:
    generate(batch)
    other = week(tmp_path / "other")
    generate(other, replace_settings(batch_users=100))
    one, two = (pq.read_table(first_shard(at)) for at in (batch, other))
    assert one.equals(two)


def test_a_finished_shard_is_kept_and_a_changed_one_made_again(batch: Week) -> None:
    generate(batch)
    before, changed = shard_files(batch), first_shard(batch)
    kept = [*batch.workspace.weekly.rglob("shard-*"), *batch.workspace.weekly.rglob(PLANNED)]
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    generate(batch)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert kept[-1].name == PLANNED
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    generate(batch)
    assert shard_files(batch) == before
    assert changed.stat().st_mtime_ns != stamps[changed]


def test_as_many_shards_of_other_users_are_made_again(batch: Week) -> None:
    generate(batch)  # of 5, 5 and 2 users
    four = SETTINGS.model_copy(update={"users_per_shard": 4})
    assert [receipt.num_users for receipt in generate(batch, four)] == [4, 4, 4]
    assert weekly.publish(batch.workspace, four, WEEKLY, plan(batch, four)[0].generation).num_users == 12


MAKING = """
import sys
from pathlib import Path
from crossfade.recommender.workspace import Workspace
from crossfade.store import shards
from crossfade.store.plan import read_plan
from tests.store import weeks
from tests.store.weeks import SETTINGS, WEEKLY
recommender, dataset, bundle, workspace, generation = sys.argv[1:]
shards._recommender = getattr(weeks, recommender).load
opened = Workspace(Path(workspace))
for spec in read_plan(opened, WEEKLY, generation)[1]:
    shards.generate_shard(Path(dataset), Path(bundle), opened, SETTINGS, spec)
"""


def making(batch: Week, recommender: str) -> subprocess.Popen[bytes]:
    """Make all shards in a process of its own, by a recommender of tests/store/weeks.py."""
    parts = (recommender, batch.dataset, batch.bundle, batch.workspace.path, plan(batch)[0].generation)
    return subprocess.Popen([sys.executable, "-c", MAKING, *map(str, parts)], cwd=Path(__file__).parents[2])


def test_a_killed_batch_resumes_where_it_stopped(batch: Week, tmp_path: Path) -> None:
    assert making(batch, "Stopping").wait() == -9
    assert sorted(shard_files(batch)) == ["shard-00000-of-00003.json", "shard-00000-of-00003.parquet"]
    with pytest.raises(IntegrityError, match=r"not published: shard-00001-of-00003 is not finished"):
        publish(batch)
    stamp = first_shard(batch).stat().st_mtime_ns
    generate(batch)
    assert first_shard(batch).stat().st_mtime_ns == stamp
    uninterrupted = week(tmp_path / "uninterrupted")
    generate(uninterrupted)
    assert shard_files(batch) == shard_files(uninterrupted)


def test_two_processes_at_the_same_shards_leave_what_one_would(
    batch: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a task does that Spark runs a second time while the first goes on."""
    monkeypatch.setenv("MEETING", str(tmp_path))
    assert [each.wait() for each in [making(batch, "Meeting"), making(batch, "Meeting")]] == [0, 0]
    home = first_shard(batch).parent
    assert not list(home.glob(".shard-*"))
    alone = week(tmp_path / "alone")
    generate(alone)
    assert shard_files(batch) == shard_files(alone)
    assert publish(batch).num_users == NUM_USERS


def test_newer_histories_are_read_in_the_bundles_rows(tmp_path: Path) -> None:
    """The dataset knows tracks and a user that the bundle does not: rows differ, ids do not."""
    new = known_tracks(NUM_TRACKS + 1).table.to_pylist()[-1] | {"track_id": "a-new-one"}
    wider = Catalogue(
        pa.Table.from_pylist([new, *known_tracks().table.to_pylist()], known_tracks().table.schema)
    )
    trained = listening()
    batch = week(tmp_path, listening(wider), trained)
    assert wider.tracks.rows([track(0)])[0] == 1
    generate(batch)
    twin = week(tmp_path / "same", trained)
    generate(twin)
    assert [pq.read_table(first_shard(at)).column("track_ids") for at in (batch,)] == [
        pq.read_table(first_shard(at)).column("track_ids") for at in (twin,)
    ]


def test_a_user_and_country_that_the_bundle_does_not_know(tmp_path: Path) -> None:
    listened = listening()
    trained = replace(
        listened, users=users([f"u{user:02d}" for user in range(1, NUM_USERS)], ["DE"] * (NUM_USERS - 1))
    )
    trained = replace(trained, interactions=listened.interactions.where(listened.interactions.user_rows < 0))
    batch = week(tmp_path, listened, trained)
    seen = []

    class Noting(Planted):
        def recommend(self, requests):  # type: ignore[no-untyped-def]
            seen.append((requests.queries.user_rows.tolist(), requests.queries.country_rows.tolist()))
            return super().recommend(requests)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_recommender", Noting.load)
        generate(batch)
    assert seen[0] == ([-1, 0], [-1, -1])


def test_ages_are_read_in_the_bundles_traits() -> None:
    names = [f"u{user:02d}" for user in range(NUM_USERS)]
    listened = replace(listening(), users=users(names, birth_years=[1940] * NUM_USERS))
    trained = replace(listened, traits=IdMap.of([*listened.traits.ids.to_pylist(), "a first name"]))
    _, queries = listeners(listened, trained, 0, 1)
    assert queries.traits is not None
    assert trained.traits.names(queries.traits[0].astype(np.int32)) == ["age=30", *[None] * 5]
    stranger = replace(listened, traits=IdMap.of(["something else"]))
    _, queries = listeners(listened, stranger, 0, 1)
    assert queries.traits is not None
    assert queries.traits.tolist() == [[-1] * 6]


def test_shards_of_another_plan_are_refused(batch: Week, tmp_path: Path) -> None:
    spec = plan(batch)[0]
    other = week(tmp_path / "other", replace(listening(), lake_versions={"gold/interactions": 8}))
    with pytest.raises(
        IntegrityError, match=r"is planned for \(bundle, end, users\) .* but got .* plan it again"
    ):
        weekly.generate_shard(batch.dataset, other.bundle, batch.workspace, SETTINGS, spec)
    with pytest.raises(
        NotFoundError, match=r"Generation nothing of discover_weekly is not planned in .*crossfade run weekly"
    ):
        weekly.generate_shard(
            batch.dataset, batch.bundle, batch.workspace, SETTINGS, replace(spec, generation="nothing")
        )


def test_a_shard_that_does_not_fit_on_the_disk(batch: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **keywords: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(
        CrossfadeError, match=r"shard-00000-of-00003 could not be written: .*No space left .* free space"
    ):
        generate(batch)
    assert shard_files(batch) == {}
    assert list(batch.workspace.weekly.rglob(".shard*")) == []
    assert [path.name for path in batch.workspace.weekly.rglob(".began-*")] == [".began-00000"]
    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(CrossfadeError, match=r"shard-00000-of-00003 could not be written: .*No space left"):
        generate(batch)


def test_with_mondays_of_their_own_slates_keep_the_time_zones_of_countries(tmp_path: Path) -> None:
    countries = ["SE", None, "JP", *["US"] * (NUM_USERS - 3)]
    everyone = users([f"u{user:02d}" for user in range(NUM_USERS)], countries)
    batch = week(tmp_path, replace(listening(), users=everyone))
    local = SETTINGS.model_copy(update={"monday": "local"})
    generation, _ = read_plan(batch.workspace, WEEKLY, plan(batch, local)[0].generation)
    assert generation.monday == "1970-04-06"  # listening ends on Saturday, the 11th
    assert generation.name != plan(batch)[0].generation
    generate(batch, local)
    stem = batch.workspace.weekly / WEEKLY / generation.name / "shard-00000-of-00003.parquet"
    zones = ["Europe/Stockholm", "", "Asia/Tokyo", "America/New_York", "America/New_York"]
    assert pq.read_table(stem).column("time_zone").to_pylist() == zones
    generate(batch)
    assert pq.read_table(first_shard(batch)).column("time_zone").null_count == 5


def test_mondays_of_their_own_need_the_week_before(batch: Week) -> None:
    alone = SETTINGS.model_copy(update={"monday": "local", "keep_generations": 1})
    with pytest.raises(
        SettingsError,
        match=r"weekly\.monday=local needs weekly\.keep_generations of at least 2, got 1: until",
    ):
        plan(batch, alone)
