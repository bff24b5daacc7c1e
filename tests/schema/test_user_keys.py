"""Keys: what a pseudonym is, where keys are found, and that no message holds one."""

import hashlib
import hmac
from pathlib import Path

import pyarrow as pa
import pytest

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.user_keys import (
    FILE_VARIABLE,
    KEYS_VARIABLE,
    UserKey,
    UserKeys,
    is_pseudonym,
    key_file,
    keys_near,
    lake_keys,
    new_key,
    point_to_keys,
    write_keys,
)

KEY = UserKey(bytes(range(32)))
OTHER = UserKey(b"o" * 32)


def test_a_pseudonym_is_the_keyed_hash_behind_the_keys_id() -> None:
    mac = hmac.new(bytes(range(32)), b"user\0zo\xc3\xab", hashlib.sha256).hexdigest()  # RFC 2104
    assert KEY.pseudonym("zoë") == f"{KEY.id}-{mac[:32]}"
    assert is_pseudonym(KEY.pseudonym("zoë"))
    assert not is_pseudonym("zoë")
    assert KEY.pseudonym("zoë") != OTHER.pseudonym("zoë")
    own = pa.array(["zoë", None], pa.string())
    assert KEY.pseudonyms(own).to_pylist() == [KEY.pseudonym("zoë"), None]


def test_a_receipts_subject_is_no_pseudonym() -> None:
    assert KEY.pseudonym("zoë").split("-")[1] not in KEY.subject("zoë")


def test_names_are_the_newest_keys_first_and_the_own_id_last() -> None:
    keys = UserKeys((KEY, OTHER), "here")
    assert keys.names("u") == [KEY.pseudonym("u"), OTHER.pseudonym("u"), "u"]
    assert (keys.current, keys.named(OTHER.id), keys.named("ffffff")) == (KEY, OTHER, None)


def test_keys_stand_beside_the_lake_for_their_owner_alone(tmp_path: Path) -> None:
    assert lake_keys(tmp_path / "lake") is None
    made = write_keys(tmp_path / "lake", (KEY, OTHER))
    assert key_file(tmp_path / "lake") == tmp_path / "lake.user-keys"
    assert key_file(tmp_path / "lake").stat().st_mode & 0o777 == 0o600
    assert lake_keys(tmp_path / "lake") == made
    assert list(tmp_path.iterdir()) == [tmp_path / "lake.user-keys"]


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_keys(tmp_path / "lake", (KEY,))
    (tmp_path / "secret").write_text(OTHER.secret.hex())
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "secret"))
    assert lake_keys(tmp_path / "lake") == UserKeys((OTHER,), str(tmp_path / "secret"))
    monkeypatch.setenv(KEYS_VARIABLE, f"{KEY.secret.hex()} {OTHER.secret.hex()}")
    assert keys_near(tmp_path) == UserKeys((KEY, OTHER), KEYS_VARIABLE)


def test_a_workspace_and_its_bundles_point_to_the_keys_and_may_move_with_them(tmp_path: Path) -> None:
    bundle = tmp_path / "one" / "workspace" / "bundles" / "b"
    bundle.mkdir(parents=True)
    write_keys(tmp_path / "one" / "lake", (KEY,))
    assert keys_near(bundle) is None
    point_to_keys(tmp_path / "one" / "workspace", tmp_path / "one" / "lake")
    (tmp_path / "one").rename(tmp_path / "two")
    for place in ("workspace", "workspace/bundles/b"):
        found = keys_near(tmp_path / "two" / place)
        assert found is not None
        assert found.keys == (KEY,)
    assert KEY.secret.hex() not in (tmp_path / "two" / "workspace" / "user-keys").read_text()


@pytest.mark.parametrize("text", ["0" * 31, "ab" * 8, "not-hex-but-long-enough-to-be-a-key!"])
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(InputError, match=rf"here: key 2 must be .* hex digits, .* {len(text)} char") as told:
        UserKeys.parse(f"{KEY.secret.hex()} {text}", "here")
    assert text not in str(told.value)


def test_missing_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="here holds no key; make one"):
        UserKeys.parse(" \n", "here")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(NotFoundError, match=f"{FILE_VARIABLE}={tmp_path}/gone: there is no such file"):
        lake_keys(tmp_path / "lake")


def test_a_key_does_not_show_itself() -> None:
    key = new_key()
    assert key.secret.hex() not in repr(UserKeys((key,), "here"))
    assert str(key.secret) not in repr(key)
    assert new_key() != key
