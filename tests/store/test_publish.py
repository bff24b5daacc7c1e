import json
import os
import shutil
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossfade.features.dataset import Dataset, Split
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.schema.errors import CrossfadeError, IntegrityError, NotFoundError
from crossfade.store import shards, weekly
from crossfade.store.contract import variant_surface
from crossfade.store.environment import EmbeddedWriter
from crossfade.store.mondays import Shown, beginning
from crossfade.store.plan import shard_home
from tests.store.weeks import (
    END,
    NUM_USERS,
    SETTINGS,
    WEEKLY,
    Mute,
    Planted,
    Week,
    activate,
    first_shard,
    generate,
    on_lake_version,
    plan,
    publish,
    track,
    week,
)


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_recommender", Planted.load)


@pytest.fixture
def batch(tmp_path: Path) -> Week:
    return week(tmp_path)


def rewrite(batch: Week, name: str, values: list[Any]) -> None:
    """Replace a column of the first shard, as a faulty recommender would have written it."""
    slates = pq.read_table(first_shard(batch))
    field = slates.schema.field(name)
    changed = slates.set_column(slates.schema.get_field_index(name), field, pa.array(values, field.type))
    pq.write_table(changed, first_shard(batch))
    seal(first_shard(batch))


def seal(shard: Path) -> None:
    """Give a changed shard a receipt that fits."""
    receipt = json.loads(shard.with_suffix(".json").read_text("utf-8"))
    receipt["sha256"] = sha256(shard.read_bytes()).hexdigest()
    shard.with_suffix(".json").write_text(json.dumps(receipt), "utf-8")


def column(batch: Week, name: str) -> list[Any]:
    return list(pq.read_table(first_shard(batch)).column(name).to_pylist())


def test_a_variant_s_playlists_stand_beside_everybody_s(batch: Week) -> None:
    first = activate(batch)
    other = on_lake_version(batch, 8)
    generate(other)
    settings = SETTINGS.model_copy(update={"variant": "louder.b"})
    name = plan(other)[0].generation
    assert weekly.publish(other.workspace, settings, WEEKLY, name).num_users == NUM_USERS
    assert weekly.activate(other.workspace, settings, WEEKLY, name) == []
    store, own = weekly.store_of(batch.workspace), variant_surface(WEEKLY, "louder.b")
    assert (store.live(WEEKLY), store.live(own)) == (first, name)
    assert store.surfaces() == [WEEKLY, own]
    with pytest.raises(NotFoundError, match=r"discover_weekly@louder\.b has no generation to roll back to"):
        weekly.rollback(batch.workspace, WEEKLY, settings)


def test_publish_activate_roll_back(batch: Week) -> None:
    generate(batch)
    published = publish(batch)
    assert (published.num_users, published.num_full) == (12, 5)
    assert published.short == {"few new tracks": 6, "few candidates": 1}
    store = weekly.store_of(batch.workspace)
    assert store.live(WEEKLY) is None
    weekly.activate(batch.workspace, SETTINGS, WEEKLY, published.generation)
    slate = store.get(WEEKLY, "u01")
    assert slate is not None
    assert slate.track_ids == tuple(track(number) for number in range(2, 32))
    assert slate.reasons[0] == "You listen to Band 2"
    assert publish(batch) == published
    second = activate(on_lake_version(batch, 8))
    assert store.live(WEEKLY) == second
    assert weekly.rollback(batch.workspace, WEEKLY) == published.generation
    assert store.live(WEEKLY) == published.generation


def test_old_generations_go_with_their_shards(batch: Week) -> None:
    names = [activate(on_lake_version(batch, version)) for version in (7, 8, 9)]
    known = [generation.name for generation in weekly.store_of(batch.workspace).generations(WEEKLY)]
    assert sorted(known) == sorted(names[1:])
    assert not (batch.workspace.weekly / WEEKLY / names[0]).exists()
    assert (batch.workspace.weekly / WEEKLY / names[1]).is_dir()


def test_a_batch_that_nobody_finished_goes_a_week_later(batch: Week) -> None:
    homes = []
    for version in (7, 8):
        other = on_lake_version(batch, version)
        generate(other)
        homes.append(shard_home(batch.workspace, WEEKLY, plan(other)[0].generation))
    a_week_ago = time.time() - 7 * 86_400
    os.utime(homes[0], (a_week_ago, a_week_ago))
    os.utime(homes[1], (a_week_ago + 3600, a_week_ago + 3600))
    live = activate(on_lake_version(batch, 9))
    assert [home.is_dir() for home in homes] == [False, True]
    os.utime(shard_home(batch.workspace, WEEKLY, live), (a_week_ago, a_week_ago))
    # Whoever else publishes, a variant's playlists here, leaves it alone.
    other, louder = on_lake_version(batch, 10), SETTINGS.model_copy(update={"variant": "louder.b"})
    generate(other)
    weekly.publish(batch.workspace, louder, WEEKLY, plan(other)[0].generation)
    weekly.activate(batch.workspace, louder, WEEKLY, plan(other)[0].generation)
    assert weekly.publish(batch.workspace, SETTINGS, WEEKLY, live).generation == live


def test_the_week_before_stays_for_who_waits_for_their_monday(batch: Week) -> None:
    local = SETTINGS.model_copy(update={"monday": "local"})  # and two generations are kept

    def mended(version: int, end: int) -> str:
        other = on_lake_version(batch, version)
        known = Dataset.load(other.dataset)
        replace(known, split=Split(end, end, end)).save(other.dataset)
        generate(other, local)
        name = plan(other, local)[0].generation
        weekly.publish(batch.workspace, local, WEEKLY, name)
        weekly.activate(batch.workspace, local, WEEKLY, name)
        return name

    before = mended(7, END)
    mended_thrice = [mended(version, END + 7 * 86_400) for version in (8, 9, 10)]
    store = weekly.store_of(batch.workspace)
    monday = beginning(store.reader(WEEKLY).generation.monday, "Europe/Stockholm")
    seen = [Shown(store, WEEKLY, monday + seconds).get("u01") for seconds in (-1, 0)]
    assert [slate.generation for slate in seen if slate] == [before, mended_thrice[-1]]
    # A week later it has gone, as everything that is older than what is kept.
    mended(11, END + 14 * 86_400)
    assert len(store.history(WEEKLY)) == 2


def test_nothing_planned(batch: Week) -> None:
    with pytest.raises(
        NotFoundError, match=r"Generation g1 of discover_weekly is not planned in .*run weekly"
    ):
        weekly.publish(batch.workspace, SETTINGS, WEEKLY, "g1")


def test_bundle_that_is_gone(batch: Week) -> None:
    generate(batch)
    name = plan(batch)[0].generation
    shutil.rmtree(batch.bundle)
    with pytest.raises(NotFoundError, match=rf"Bundle '{batch.bundle.name}' is not in"):
        weekly.publish(batch.workspace, SETTINGS, WEEKLY, name)


def test_planned_but_nothing_generated(batch: Week) -> None:
    plan(batch)
    with pytest.raises(
        IntegrityError, match=r"not published: shard-00000-of-00003 is not finished, or its file"
    ):
        publish(batch)


FAULTS = {
    "track twice": ("track_ids", 0, [track(0)] * 30, "the slate of user u00 holds a track twice"),
    "unknown track": (
        "track_ids",
        1,
        [f"x{place}" for place in range(30)],
        "user u01 holds a track that the",
    ),
    "score": ("scores", 2, [float("nan")] * 30, "user u02 has a score that is not finite"),
    "propensity": ("propensities", 4, [0.0] * 30, r"user u04 has a propensity outside 0\.\.1"),
    "user twice": ("user_id", 1, "u00", "user u00 is there twice or out of order"),
    "user of another shard": ("user_id", 4, "u05", "shard-00001-of-00003: user u05 is there twice or"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faulty_slates_are_not_published(batch: Week, fault: str) -> None:
    live = activate(on_lake_version(batch, 6))
    generate(batch)
    name, place, value, message = FAULTS[fault]
    values = column(batch, name)
    values[place] = value
    rewrite(batch, name, values)
    with pytest.raises(
        IntegrityError, match=rf"is not published: .*{message}.*What was live still is; remove"
    ):
        publish(batch)
    store = weekly.store_of(batch.workspace)
    assert store.live(WEEKLY) == live
    assert [generation.name for generation in store.generations(WEEKLY)] == [live]


def test_missing_users_are_not_published(batch: Week) -> None:
    generate(batch)
    path = first_shard(batch)
    pq.write_table(pq.read_table(path).slice(0, 4), path)
    seal(path)
    with pytest.raises(IntegrityError, match="shard-00000-of-00003 has 4 users instead of 5"):
        publish(batch)


def test_a_generation_without_any_track_is_not_published(
    batch: Week, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_recommender", Mute.load)
    receipts = generate(batch)
    assert receipts[0].short == {"few new tracks": 0, "few candidates": 5}
    with pytest.raises(IntegrityError, match=r"has no track for anybody: \{'few new tracks': 6"):
        publish(batch)


class Sparse(Planted):
    """Has five tracks for everybody."""

    def recommend(self, requests: Requests) -> Slates:
        slates = super().recommend(requests)
        rows = np.where(np.arange(requests.k) < 5, slates.rows, -1)
        return Slates.unexplained(
            rows, np.where(rows < 0, -np.inf, slates.scores), np.where(rows < 0, -1, slates.sources)
        )


def test_too_many_slates_that_are_short_for_lack_of_candidates_are_not_published(
    batch: Week, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = activate(on_lake_version(batch, 6))
    monkeypatch.setattr(shards, "_recommender", Sparse.load)
    # u00 to u05 have 30 to 40 new tracks and get five; the other six have fewer than 30 new tracks, which is no fault
    assert sum(receipt.short["few candidates"] for receipt in generate(batch)) == 6
    below = SETTINGS.model_copy(update={"max_short_share": 0.49})
    with pytest.raises(
        IntegrityError,
        match=r"6 of 12 users \(50%\) have fewer than 30 tracks for lack of candidates, more than "
        r"weekly\.max_short_share=0\.49 allows; .* What was live still is",
    ):
        publish(batch, below)
    store = weekly.store_of(batch.workspace)
    assert store.live(WEEKLY) == live
    assert [generation.name for generation in store.generations(WEEKLY)] == [live]
    for allowed in (0.5, 1.0):
        settings = SETTINGS.model_copy(update={"max_short_share": allowed})
        assert publish(batch, settings).short["few candidates"] == 6


def test_a_full_disk_while_publishing(batch: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    live = activate(on_lake_version(batch, 6))
    generate(batch)

    def full(writer: EmbeddedWriter, values: dict[bytes, bytes]) -> bool:
        raise lmdb.DiskError("mdb_txn_commit: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedWriter, "_put", full)
        with pytest.raises(
            CrossfadeError, match=r"could not be written .*No space left .* live generation is unchanged"
        ):
            publish(batch)
    store = weekly.store_of(batch.workspace)
    assert store.live(WEEKLY) == live
    assert [generation.name for generation in store.generations(WEEKLY)] == [live]
    assert publish(batch).num_users == NUM_USERS


def test_what_is_published_again_by_other_code_is_not_written_again_where_it_is_the_same(batch: Week) -> None:
    settings = SETTINGS.model_copy(update={"rewrite": "changed"})
    activate(on_lake_version(batch, 7))
    again = on_lake_version(batch, 8)
    generate(again)
    published = publish(again, settings)
    assert (published.num_users, published.num_unchanged) == (12, 12)
    weekly.activate(batch.workspace, settings, WEEKLY, published.generation)
    slate = weekly.store_of(batch.workspace).get(WEEKLY, "u01")
    assert slate is not None
    assert (slate.generation, slate.reasons[0]) == (published.generation, "You listen to Band 2")
