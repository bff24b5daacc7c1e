"""A person is erased: no byte of them is left, everybody else stays, and what they asked for is on paper."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pyarrow.compute as pc
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.privacy import erase as erasing
from crossfade.privacy.erase import Places, erase
from crossfade.privacy.export import export
from crossfade.privacy.receipt import Receipt
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.user_keys import lake_keys
from crossfade.store.own_slates import own_slate
from crossfade.store.weekly import store_of
from tests.privacy.planted import KEY, OTHERS, PERSON, SETTINGS, World, plant
from tests.privacy.scanning import hits
from tests.store.weeks import NUM_USERS, WEEKLY

NAMES = [PERSON, KEY.pseudonym(PERSON), KEY.pseudonym(PERSON).split("-")[1], sha256(PERSON.encode()).hexdigest()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return plant(tmp_path, monkeypatch)


def places(world: World) -> list[Path]:
    return [world.lake.path, world.workspace.path, world.places.receipts]


def test_no_byte_of_a_person_is_left(world: World, tmp_path: Path) -> None:
    found = "\n".join(hits(NAMES, *places(world)))
    for where in (
        *("bronze/events", "bronze/users", "bronze/playlists", "bronze/bot_lists", "_delta_log"),
        *("silver/events", "silver/users", "gold/interactions", "gold/user_profiles", "quarantine/events"),
        *("bundles", "store/discover_weekly", "weekly/discover_weekly", "runs/weekly-1/artifacts", "weekly.log"),
    ):
        assert where in found, f"the world must have the person in {where}"

    receipt = erase(world.places, PERSON, SETTINGS)

    assert hits(NAMES, *places(world)) == []
    signed = Receipt.verified(receipt, lake_keys(world.lake.path))
    removed = {place.place: place.removed for place in signed.places}
    assert removed["bronze/events"] == removed["silver/events"] == 28
    assert (removed["quarantine/events"], removed["bronze/bot_lists"], removed["silver/playlists"]) == (1, 1, 1)
    assert removed["store/discover_weekly"] == 1
    assert removed["runs/weekly-1/weekly.log"] == 1
    assert signed.models == (world.workspace.champion_digest(),)
    assert signed.subject == KEY.subject(PERSON)


def test_everybody_else_stays_and_the_next_training_does_not_know_the_person(world: World) -> None:
    before = make_dataset(world.lake, SETTINGS)
    erase(world.places, PERSON, SETTINGS)
    after = make_dataset(world.lake, SETTINGS)
    others = sorted(KEY.pseudonym(user) for user in OTHERS)
    assert after.users.table.column("user_id").to_pylist() == others
    assert len(before.users) == len(others) + 1
    assert len(after.interactions) == len(before.interactions) * len(others) // (len(others) + 1)
    assert refresh(world.lake, SETTINGS).written == ()
    reader = store_of(world.workspace).reader(WEEKLY)
    assert (len(reader), reader.generation.num_users) == (len(others), len(others))
    assert reader.generation.bundle == world.workspace.champion_digest()
    assert own_slate(reader, PERSON, world.workspace.path) is None
    for user in OTHERS:
        assert own_slate(reader, user, world.workspace.path) is not None
    assert Dataset.load(world.workspace.champion()).users.ids.rows(others).min() >= 0


def test_an_unknown_person_is_told_and_nothing_is_changed(world: World) -> None:
    versions, champion = world.lake.versions(), world.workspace.champion_digest()
    with pytest.raises(NotFoundError, match="Nothing is known of user 'nobody' in .*lake and .*workspace; check"):
        erase(world.places, "nobody", SETTINGS)
    assert (world.lake.versions(), world.workspace.champion_digest()) == (versions, champion)
    assert not list(world.places.receipts.glob("*"))


def test_it_does_not_work_beside_another_writer(world: World) -> None:
    with world.lake.writing(), pytest.raises(InputError, match="Another process is writing to the lake"):
        erase(world.places, PERSON, SETTINGS)
    with world.lake.streaming(), pytest.raises(InputError, match="Another process is streaming into the lake"):
        erase(world.places, PERSON, SETTINGS)
    with (
        world.lake.without_streams(),
        pytest.raises(InputError, match="Another process is erasing a user"),
        world.lake.streaming(),
    ):
        pass
