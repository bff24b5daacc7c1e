"""A person is erased: no byte of them is left, everybody else stays, and what they asked for is on paper."""

import json
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, GOLD
from crossfade.lake.upkeep import compact
from crossfade.privacy import lake_traces
from crossfade.privacy.erase import Places, erase
from crossfade.privacy.receipt import Receipt
from crossfade.recommender import redaction
from crossfade.recommender.pins import pinned_by
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.settings import parse_settings
from crossfade.schema.user_keys import UserKeys, lake_keys
from crossfade.store.own_slates import own_slate
from crossfade.store.weekly import store_of
from tests.privacy import planted
from tests.privacy.planted import KEY, OTHERS, PERSON, SETTINGS
from tests.privacy.scanning import hits
from tests.store.weeks import WEEKLY

NAMES = [
    PERSON,
    KEY.pseudonym(PERSON),
    KEY.pseudonym(PERSON).split("-")[1],
    sha256(PERSON.encode()).hexdigest(),
]


def workspace_of(world: Places) -> Workspace:
    assert world.workspace is not None
    return world.workspace


def kept(world: Places) -> UserKeys:
    keys = lake_keys(world.lake.path)
    assert keys is not None
    return keys


def everything(world: Places) -> list[Path]:
    return [world.lake.path, workspace_of(world).path, world.receipts]


def test_no_byte_of_a_person_is_left(origin: Path, erased: Places) -> None:
    found = "\n".join(hits(NAMES, origin / "lake", origin / "workspace"))
    for where in (
        *("bronze/events", "bronze/users", "bronze/playlists", "bronze/bot_lists", "_delta_log"),
        *("silver/events", "silver/users", "gold/interactions", "gold/user_profiles", "quarantine/events"),
        *(
            "bundles",
            "store/discover_weekly",
            "weekly/discover_weekly",
            "runs/weekly-1/artifacts",
            "weekly.log",
        ),
    ):
        assert where in found, f"the world must have the person in {where}"

    assert hits(NAMES, *everything(erased)) == []
    (receipt,) = erased.receipts.iterdir()
    signed = Receipt.verified(receipt, kept(erased))
    removed = {place.place: place.removed for place in signed.places}
    assert removed["bronze/events"] == removed["silver/events"] == 28
    assert (removed["quarantine/events"], removed["bronze/bot_lists"], removed["silver/playlists"]) == (
        1,
        1,
        1,
    )
    assert removed["store/discover_weekly"] == 1
    assert removed["runs/weekly-1/weekly.log"] == removed["runs/weekly-1/about.json"] == 1
    run = workspace_of(erased).runs / "weekly-1"
    assert (run / "weekly.log").read_text() == "ok\n"
    assert json.loads((run / "about.json").read_text()) == {"first": "erased", "number": 7}
    assert signed.remaining == ()
    assert signed.models == (workspace_of(erased).champion_digest(),)
    assert signed.subject == KEY.subject(PERSON)


def test_everybody_else_stays_and_the_next_training_does_not_know_the_person(
    origin: Path, erased: Places
) -> None:
    before = make_dataset(planted.world(origin).lake, SETTINGS)
    after = make_dataset(erased.lake, SETTINGS)
    others = sorted(KEY.pseudonym(user) for user in OTHERS)
    assert after.users.table.column("user_id").to_pylist() == others
    assert len(before.users) == len(others) + 1
    assert len(after.interactions) == len(before.interactions) * len(others) // (len(others) + 1)
    assert refresh(erased.lake, SETTINGS).written == ()
    reader = store_of(workspace_of(erased)).reader(WEEKLY)
    assert (len(reader), reader.generation.num_users) == (len(others), len(others))
    assert reader.generation.bundle == workspace_of(erased).champion_digest()
    assert own_slate(reader, PERSON, workspace_of(erased).path) is None
    for user in OTHERS:
        assert own_slate(reader, user, workspace_of(erased).path) is not None
    assert Dataset.load(workspace_of(erased).champion()).users.ids.rows(others).min() >= 0


def test_neither_replaced_days_nor_pinned_versions_survive(world: Places) -> None:
    settings = parse_settings(
        SETTINGS.dumps(), ["lake.rebuild_rows=0", "lake.reopen_share=1", "upkeep.bronze_days=26"]
    )
    upkeep = settings.upkeep.model_copy(update={"version_days": 0})  # as if a week had passed
    lake, pins = world.lake, pinned_by(workspace_of(world), world.lake.id)
    refresh(lake, settings)
    rows = lake.read(BRONZE, "events")
    for number in range(3):
        rows = rows.slice(0, 1).set_column(0, "event_id", pa.array([f"{PERSON}/{number}"]))
        lake.append(BRONZE, "events", rows)
        assert {"silver/bot_hours", "silver/events", "gold/user_days"} <= set(refresh(lake, settings).updated)
    expired = {done.name: done.rows_expired for done in compact(lake, upkeep, pins)}
    assert expired["bronze/events"] > 0
    pinned = min(pins["gold/interactions"])
    assert lake.read(GOLD, "interactions", pinned).num_rows == 7 * 28
    assert "silver/bot_hours" in "\n".join(hits(NAMES, lake.path))
    erase(world, PERSON, settings)
    assert hits(NAMES, *everything(world)) == []
    assert len(lake.history(GOLD, "interactions")) == 1
    with pytest.raises(
        NotFoundError, match=rf"^Version {pinned} of gold/interactions .* is gone: an erasure"
    ):
        lake.read(GOLD, "interactions", pinned)
    compact(lake, upkeep, pins)
    assert refresh(lake, settings).written == ()


def test_an_unknown_person_is_told_and_nothing_is_changed(world: Places) -> None:
    versions, champion = world.lake.versions(), workspace_of(world).champion_digest()
    with pytest.raises(
        NotFoundError, match=r"Nothing is known of user 'nobody' in .*lake and .*workspace; check"
    ):
        erase(world, "nobody", SETTINGS)
    assert (world.lake.versions(), workspace_of(world).champion_digest()) == (versions, champion)
    assert not list(world.receipts.glob("*"))


def test_it_does_not_work_beside_another_writer(world: Places) -> None:
    with world.lake.writing(), pytest.raises(InputError, match="Another process is writing to the lake"):
        erase(world, PERSON, SETTINGS)
    with (
        world.lake.streaming(),
        pytest.raises(InputError, match="Another process is streaming into the lake"),
    ):
        erase(world, PERSON, SETTINGS)
    with (
        world.lake.without_streams(),
        pytest.raises(InputError, match="Another process is erasing a user"),
        world.lake.streaming(),
    ):
        pass


DIES: Final = """
import os, sys
from pathlib import Path
from crossfade.privacy.erase import erase
from crossfade.store import embedded
from tests.privacy.planted import PERSON, SETTINGS, world
embedded.write_about = lambda *_: os.kill(os.getpid(), 9)
erase(world(Path(sys.argv[1])), PERSON, SETTINGS)
"""


def test_an_erasure_that_was_stopped_three_times_goes_on_and_its_receipt_lacks_nothing(
    world: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for owner, moment in ((lake_traces, "settle"), (redaction, "remove_directory")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, moment, stopped)
            with pytest.raises(KeyboardInterrupt):
                erase(world, PERSON, SETTINGS)
    died = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path)], cwd=Path(__file__).parents[2], check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert workspace_of(world).store.joinpath("discover_weekly", ".partial").exists()

    signed = Receipt.verified(erase(world, PERSON, SETTINGS), kept(world))
    removed = {place.place: place.removed for place in signed.places}
    assert (removed["bronze/events"], removed["silver/events"], removed["store/discover_weekly"]) == (
        28,
        28,
        1,
    )
    assert sum(removed[name] for name in removed if name.startswith("bundles/")) == 1
    assert hits(NAMES, *everything(world)) == []
    assert [path.suffix for path in world.receipts.iterdir()] == [".json"]


def test_a_lake_that_was_never_refreshed_is_erased_alone(world: Places) -> None:
    for table in ("silver", "gold"):
        shutil.rmtree(world.lake.path / table)
    stray = world.lake.path / "stray.bin"
    stray.write_bytes(b"\0" + KEY.pseudonym(PERSON).encode())
    receipt = erase(Places(world.lake, None, world.receipts), PERSON, SETTINGS)
    assert hits(NAMES, world.lake.path) == [str(stray)]
    signed = Receipt.verified(receipt, kept(world))
    assert (signed.models, signed.remaining) == ((), (str(stray),))
    assert hits(NAMES, workspace_of(world).path)
