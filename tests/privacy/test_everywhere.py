"""A person stands in Redis, in online features, in what was shown and in logs, too: is given all of it, and erased from all."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.definitions import USER
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.privacy.erase import Places, erase
from crossfade.privacy.export import export
from crossfade.privacy.receipt import Erased, Receipt
from crossfade.privacy.store_traces import Stores
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.redaction import LEARNT_FROM_ERASED
from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError, NotFoundError
from crossfade.schema.settings import Settings, parse_settings
from crossfade.schema.user_keys import lake_keys
from crossfade.sources.importing import import_files
from crossfade.store import weekly
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.materialise import materialise
from crossfade.store.own_slates import own_slate
from crossfade.store.redis_rows import RedisRows, connected
from crossfade.store.redis_store import RedisStore
from tests.privacy.conftest import copied
from tests.privacy.in_redis import redis_hits
from tests.privacy.planted import KEY, OTHERS, PERSON
from tests.privacy.scanning import hits
from tests.privacy.test_erase import NAMES, workspace_of
from tests.redis_server import RedisServer, running_redis
from tests.store.weeks import WEEKLY

SMALL = (
    "quality.max_quarantined_share=0.5", "skips.correct=false", "two_tower.dim=8", "two_tower.epochs=1",
    "index.backend=exact", "sources.candidates=30", "sources.per_source=20", "ranking.num_trees=5",
)  # fmt: skip


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer) -> Settings:
    """Playlists go to database 0, features to database 1."""
    return parse_settings("", [*SMALL, f"weekly.store_url={redis_server.url}"])


@pytest.fixture(scope="module")
def places(
    origin: Path, settings: Settings, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Places:
    """A copy of the world whose playlists and features went to Redis, twice, and whose gateway has shown slates."""
    root = tmp_path_factory.mktemp("everywhere")
    world = copied(origin, root)
    workspace = workspace_of(world)
    (generation,) = EmbeddedStore(workspace.store).generations(WEEKLY)
    for _ in range(2):  # what was published first is replaced and not named any more, but there for a day
        weekly.publish(workspace, settings.weekly, WEEKLY, generation.name)
    weekly.activate(workspace, settings.weekly, WEEKLY, generation.name)
    _show(workspace.path / "exposures.jsonl", PERSON, OTHERS[0])
    _show(root / "elsewhere.jsonl", PERSON, KEY.pseudonym(PERSON), OTHERS[0])
    import_files(world.lake, "events", [workspace.path / "exposures.jsonl"], settings=settings)
    # As imports of earlier code took it, which did not refuse pseudonyms.
    import_files(world.lake, "events", [root / "elsewhere.jsonl"], settings=settings.with_own_ids())
    refresh(world.lake, settings)
    features = redis_server.url.removesuffix("0") + "1"
    for store in (FeatureStore(connected(features)), FeatureStore(EmbeddedStore(workspace.store))):
        end = make_dataset(world.lake, settings).interactions.seconds.max() + 1
        for days in (5, 0):
            materialise(world.lake, settings, store, as_of=int(end) - days * SECONDS_PER_DAY)
    return replace(world, urls=(features,), logs=(root / "elsewhere.jsonl",))


def _show(log: Path, *users: str) -> None:
    """Write what a gateway logs of a slate for each user."""
    shown = {
        "event_type": "exposure",
        "timestamp": "2026-01-28T12:00:00+00:00",
        "surface": "radio",
        "track_id": "t05",
    }
    about = {"position": 0, "propensity": 1.0}
    lines = [
        {"event_id": f"s-{user}-0", "user_id": user, "slate_id": f"s-{user}", **shown, **about}
        for user in users
    ]
    log.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")


def test_a_person_is_given_what_was_published_shown_and_logged(places: Places, settings: Settings) -> None:
    known = export(places, PERSON, settings.weekly)
    slates = {place: len(each) for place, each in known["playlists"].items()}
    redis_place = next(place for place in slates if place.startswith("redis://"))
    assert slates == {"store/discover_weekly": 1, redis_place: 1}
    assert redis_place.endswith("/0/discover_weekly")
    assert (
        known["playlists"][redis_place][0]["track_ids"]
        == known["playlists"]["store/discover_weekly"][0]["track_ids"]
    )
    features = {place: len(each) for place, each in known["features"].items()}
    assert features == {"store/features": 2, redis_place.replace("0/discover_weekly", "1/features"): 2}
    assert [each["live"] for each in known["features"]["store/features"]].count(True) == 1
    assert (
        "user_positives" in json.dumps(known["features"]) or known["features"]["store/features"][0]["values"]
    )
    for table, count in (("bronze/events", 2), ("silver/events", 1)):
        assert [event["event_type"] for event in known["tables"][table]].count("exposure") == count
    logs = {Path(path).name: lines for path, lines in known["logs"].items()}
    assert [line["track_id"] for line in logs["exposures.jsonl"]] == ["t05"]
    assert [line["user_id"] for line in logs["elsewhere.jsonl"]] == [PERSON, PERSON]
    assert not [
        user for user in OTHERS if user in json.dumps(known) or KEY.pseudonym(user) in json.dumps(known)
    ]


@pytest.fixture(scope="module")
def receipt(places: Places, settings: Settings, redis_server: RedisServer) -> Receipt:
    """The person is erased; before that they stand in all that is looked through."""
    dump = redis_server.directory / "dump.rdb"
    found = " ".join(redis_hits(redis_server.port, NAMES, dump))
    assert found.count("0/crossfade:slates:") == 2
    assert found.count("1/crossfade:features:") == 2
    assert "dump.rdb" in found
    texts = " ".join(hits(NAMES, places.lake.path.parent))
    for where in ("gold/user_features", "store/features", "exposures.jsonl", "elsewhere.jsonl"):
        assert where in texts
    keys = lake_keys(places.lake.path)
    assert keys is not None
    return Receipt.verified(erase(places, PERSON, settings), keys)


def test_no_byte_is_left_on_disk_or_in_redis(
    places: Places, settings: Settings, receipt: Receipt, redis_server: RedisServer
) -> None:
    assert redis_hits(redis_server.port, NAMES, redis_server.directory / "dump.rdb") == []
    assert hits(NAMES, places.lake.path.parent, redis_server.directory) == []
    assert receipt.remaining == ()
    removed = {place.place.replace(str(redis_server.port), "PORT"): place.removed for place in receipt.places}
    redis_place = "redis://127.0.0.1:PORT"
    assert removed[f"{redis_place}/0/discover_weekly"] == removed["store/discover_weekly"] == 1
    assert removed[f"{redis_place}/1/features"] == removed["store/features"] == 2
    assert removed[f"{redis_place}/0"] == 1, "the slate of the generation that was replaced"
    assert removed["gold/user_features"] == 4, "two moments, written for each of two stores"
    assert removed["exposures.jsonl"] == 1
    assert removed[str(places.logs[0])] == 2
    with pytest.raises(NotFoundError, match=f"Nothing is known of user {PERSON!r}"):
        export(places, PERSON, settings.weekly)


def test_everybody_else_stays_in_redis_and_in_logs(
    places: Places, settings: Settings, receipt: Receipt
) -> None:
    reader = RedisStore(settings.weekly.store_url).reader(WEEKLY)
    assert (len(reader), reader.generation.num_users) == (len(OTHERS), len(OTHERS))
    assert reader.generation.bundle == workspace_of(places).champion_digest()
    assert all(own_slate(reader, user, workspace_of(places).path) for user in OTHERS)
    for rows in (connected(places.urls[0]), EmbeddedStore(workspace_of(places).store)):
        features = FeatureStore(rows)
        assert all(features.reader().get(USER, KEY.pseudonym(user)) for user in OTHERS)
        for about in rows.generations(FAMILY):
            assert about.num_users == len(list(rows.reader(FAMILY, about.name).items()))
    for log in (*places.logs, workspace_of(places).path / "exposures.jsonl"):
        assert [json.loads(line)["user_id"] for line in log.read_text("utf-8").splitlines()] == [OTHERS[0]]
    assert any(place.place.startswith("redis://") for place in receipt.places)


def test_the_next_training_does_not_know_the_person(
    places: Places, settings: Settings, receipt: Receipt, tmp_path: Path
) -> None:
    assert receipt.models == (workspace_of(places).champion_digest(),)
    assert read_manifest(workspace_of(places).champion())[LEARNT_FROM_ERASED] == 1
    dataset = make_dataset(places.lake, settings)
    dataset.save(tmp_path / "dataset")
    for until in ("validation", "end"):
        fit_sources(tmp_path / "dataset", tmp_path / until, until=until, settings=settings)
    fit_ranker(tmp_path / "dataset", tmp_path / "validation", tmp_path / "ranker", settings)
    bundle = build_bundle(
        tmp_path / "dataset", tmp_path / "end", tmp_path / "ranker", tmp_path / "bundles",
        until="end", settings=settings, lineage={"parents": []},
    )  # fmt: skip
    manifest = read_manifest(bundle)
    assert LEARNT_FROM_ERASED not in manifest
    assert manifest["lake_versions"]["gold/interactions"] == places.lake.version("gold", "interactions")
    others = sorted(KEY.pseudonym(user) for user in OTHERS)
    assert Dataset.load(bundle).users.table.column(c.USER_ID).to_pylist() == others
    assert hits(NAMES, bundle) == []


def test_a_store_that_is_away_or_a_log_that_is_missing_stops_before_anything_is_changed(
    world: Places, settings: Settings, tmp_path: Path
) -> None:
    versions = world.lake.versions()
    own = settings.model_copy(update={"weekly": settings.weekly.model_copy(update={"store_url": ""})})
    with pytest.raises(CrossfadeError, match=r"Redis at redis://127.0.0.1:1/0 does not answer"):
        erase(replace(world, urls=("redis://127.0.0.1:1/0",)), PERSON, own)
    with pytest.raises(NotFoundError, match=r"There is no log at .*gone.jsonl; name a file with --log"):
        erase(replace(world, logs=(tmp_path / "gone.jsonl",)), PERSON, own)
    assert world.lake.versions() == versions
    assert not world.receipts.exists()


def test_features_that_earlier_code_packed_are_given_as_they_are_and_erased(
    settings: Settings, redis_server: RedisServer
) -> None:
    url = redis_server.url.removesuffix("0") + "2"
    rows: RedisRows = connected(url)
    FeatureStore(rows).write("old", {}, as_of=0, lake_versions={})
    (about,) = rows.generations(FAMILY)
    with rows.begin(replace(about, num_users=1)) as writer:
        writer.put_values({b"user\0" + PERSON.encode(): b"\x01\x02"})
    stores = Stores.opened(None, settings.weekly.model_copy(update={"store_url": ""}), (url,))
    (place,) = stores.features
    assert stores.features_of([PERSON]) == {
        f"{place}/features": [{"generation": "old", "live": False, "values": {"packed": "0102"}}]
    }
    notes: list[Erased] = []
    stores.erase_features([PERSON], notes.append)
    assert notes == [Erased(f"{place}/features", "online features", 1)]
    assert list(rows.reader(FAMILY, "old").items()) == []
