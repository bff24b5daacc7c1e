"""From silver on, only pseudonyms stand; the same people are told apart, and nothing else changes."""

import shutil
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crossfade.lake import build
from crossfade.lake.build import refresh
from crossfade.lake.engine_duckdb import engine
from crossfade.lake.lake import BRONZE, GOLD, SILVER, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA
from crossfade.lake.own_ids import bronze_users, own_ids
from crossfade.lake.pseudonyms import PAIRS, Pseudonyms, owned, pseudonymised
from crossfade.lake.rotation import rotate_key
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import PLAYLISTS, USERS
from crossfade.schema.user_keys import KEYS_VARIABLE, UserKey, key_file, lake_keys, write_keys
from tests.lake.rows import Row, bronze, minute

KEY = UserKey(b"k" * 32)
SETTINGS = default_settings()
ANN, BOB = "ann-4711", "bob-0815"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that was refreshed once, with its key beside it."""
    root = tmp_path_factory.mktemp("lake")
    lake = Lake.create(root / "lake")
    plays: list[Row] = [
        {c.USER_ID: ANN, c.TRACK_ID: "1", c.TIMESTAMP: minute(0), c.PLAYED_MS: 60_000},
        {c.USER_ID: ANN, c.TRACK_ID: "2", c.TIMESTAMP: minute(5), c.SESSION_ID: f"{ANN}/s1"},
        {c.USER_ID: BOB, c.TRACK_ID: "2", c.TIMESTAMP: minute(9), c.SESSION_ID: "s2", c.SLATE_ID: BOB},
    ]
    lake.append(BRONZE, "events", bronze(plays))
    lists: list[Row] = [{c.PLAYLIST_ID: "p", c.TRACK_IDS: ["1"], c.USER_ID: None}]
    lake.append(BRONZE, "playlists", bronze(lists, PLAYLISTS))
    lake.append(BRONZE, "users", bronze([{c.USER_ID: "eve-1234", c.COUNTRY: "SE"}], USERS))
    denied = [{c.USER_ID: BOB, "list": "deny", c.IMPORTED_AT: minute(1)}]
    lake.append(BRONZE, BOT_LISTS, pa.Table.from_pylist(denied, schema=BOT_LISTS_SCHEMA))
    write_keys(lake.path, (KEY,))
    refresh(lake, SETTINGS)
    return root


@pytest.fixture
def lake(origin: Path, tmp_path: Path) -> Lake:
    """A copy of the refreshed lake."""
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    return Lake.open(tmp_path / "lake")


def ids_below(lake: Lake, *layers: str) -> set[str]:
    """All texts in all columns of some layers."""
    tables = [lake.read(*name.split("/")) for name in lake.versions() if name.startswith(layers)]
    texts = [column for table in tables for column in table.columns if column.type == pa.string()]
    return {text for column in texts for text in column.to_pylist() if text}


def test_no_own_id_gets_below_bronze(lake: Lake) -> None:
    below = ids_below(lake, SILVER, GOLD)
    assert {KEY.pseudonym(user) for user in (ANN, BOB, "eve-1234")} <= below
    assert not [text for text in below for user in (ANN, BOB, "eve-1234") if user in text]
    events = lake.read(SILVER, "events").sort_by(c.TIMESTAMP).to_pylist()
    assert [event[c.USER_ID] for event in events] == [KEY.pseudonym(user) for user in (ANN, ANN, BOB)]
    sessions = [f"{KEY.pseudonym(ANN)}@2026-01-01T00:00:00Z", f"{KEY.pseudonym(ANN)}/s1", "s2"]
    assert [event[c.SESSION_ID] for event in events] == sessions
    assert events[2][c.SLATE_ID] == KEY.pseudonym(BOB)
    assert [event[c.IS_BOT] for event in events] == [False, False, True]  # lists are of own ids
    assert lake.read(SILVER, "playlists").column(c.USER_ID).to_pylist() == [None]


def test_pseudonyms_change_nothing_but_names(lake: Lake) -> None:
    acts = lake.read(GOLD, "interactions").sort_by(c.TIMESTAMP).to_pylist()
    told = [(act[c.USER_ID], act[c.TRACK_ID], act[c.STRENGTH]) for act in acts]
    assert told == [(KEY.pseudonym(ANN), "1", 1.0), (KEY.pseudonym(ANN), "2", 1.0)]
    (eve,) = lake.read(SILVER, "users").to_pylist()
    assert (eve[c.USER_ID], eve[c.COUNTRY]) == (KEY.pseudonym("eve-1234"), "SE")


def test_a_lake_without_a_key_gets_one_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = Lake.create(tmp_path / "lake")
    key = build._user_key(lake)
    assert f"{key_file(lake.path)} is new: the key by which users are named" in caplog.text
    assert key.secret.hex() not in caplog.text
    assert build._user_key(lake) == key
    assert len(caplog.records) == 1


def test_short_ids_are_left_in_other_ids_where_they_stand_by_chance() -> None:
    rows = ibis.memtable(pa.table({c.USER_ID: ["1", "abc"], c.EVENT_ID: ["e1", "e-abc-1"]}))
    pairs = pa.table({"own_id": ["1", "abc"], "pseudonym": ["P", "Q"]}, schema=PAIRS)
    found = pseudonymised(rows, ibis.memtable(pairs)).to_pyarrow().sort_by(c.USER_ID)
    assert found.to_pydict() == {c.USER_ID: ["P", "Q"], c.EVENT_ID: ["e1", "e-Q-1"]}


def test_pseudonyms_are_turned_back_and_strangers_left_out() -> None:
    rows = ibis.memtable(pa.table({c.USER_ID: ["Q", "R", "Q"], c.DAY: [1, 2, 3]}))
    pairs = pa.table({"own_id": ["1", "abc"], "pseudonym": ["P", "Q"]}, schema=PAIRS)
    found = owned(rows, ibis.memtable(pairs)).to_pyarrow().sort_by(c.DAY)
    assert found.to_pydict() == {c.USER_ID: ["abc", "abc"], c.DAY: [1, 3]}


def test_pairs_are_made_once_and_only_when_needed(lake: Lake, tmp_path: Path) -> None:
    with engine(tmp_path) as session:
        rows = session.table(lake.files(BRONZE, "events"), PAIRS)
        people = Pseudonyms(KEY, (rows, rows), session, tmp_path)
        assert not (tmp_path / "pseudonyms.parquet").exists()
        first = session.rows(people.of(rows))
        (tmp_path / "pseudonyms.parquet").rename(tmp_path / "kept")
        (tmp_path / "kept").rename(tmp_path / "pseudonyms.parquet")
        assert session.rows(people.of(rows)).num_rows == first.num_rows == 3


def test_people_are_found_again_by_their_key(lake: Lake) -> None:
    assert sorted(bronze_users(lake)) == [ANN, BOB, "eve-1234"]
    names = [KEY.pseudonym(ANN), "somebody", KEY.pseudonym("gone")]
    assert own_ids(lake, names) == {names[0]: ANN, "somebody": "somebody", names[2]: names[2]}
    key_file(lake.path).unlink()
    assert own_ids(lake, names) == {name: name for name in names}


def test_a_rotated_key_leaves_no_old_name_and_stays_to_read_what_is_older(lake: Lake) -> None:
    assert refresh(lake, SETTINGS).written == ()
    keys = rotate_key(lake, SETTINGS)
    assert keys.keys[1:] == (KEY,)
    assert keys == lake_keys(lake.path)
    assert keys.current.pseudonym(ANN) in ids_below(lake, SILVER)
    old = KEY.pseudonym(ANN).encode()
    assert not [file for file in lake.path.rglob("*") if file.is_file() and old in file.read_bytes()]
    users = lake.read(GOLD, "user_profiles").column(c.USER_ID)
    assert pc.all(pc.starts_with(users, keys.current.id)).as_py()
    assert refresh(lake, SETTINGS).written == ()


def test_keys_of_the_environment_are_rotated_there(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS_VARIABLE, KEY.secret.hex())
    with pytest.raises(InputError, match=f"keys come from {KEYS_VARIABLE}, where this cannot write"):
        rotate_key(lake, SETTINGS)
